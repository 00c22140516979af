import type { RepositoryChange } from '../../domain/tasks/changes.ts'

/** What an attempt made of one of several repositories: a commit that nobody published, with what a test changes. */
export function aChange(values: Partial<RepositoryChange> = {}): RepositoryChange {
  const name = values.name ?? 'api'
  return {
    name,
    repository: { id: `id-${name}`, forge: 'git', address: `/srv/${name}` },
    baseBranch: 'main',
    baseCommit: 'a'.repeat(40),
    tree: 't'.repeat(40),
    commit: 'c'.repeat(40),
    branch: 'drydock/x',
    stats: { files: 1, additions: 1, deletions: 0 },
    flagged: [],
    publish: { state: 'none', reason: null },
    pullRequest: null,
    ...values,
  }
}
