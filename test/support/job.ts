import type { Job } from '../../domain/tasks/job.ts'

type Parts = { [K in keyof Job]?: Partial<Job[K]> }

const NOW = new Date('2026-01-01T00:00:00Z')

/** A claimed Code attempt on a small environment, with what a test changes. */
export function aJob(parts: Parts = {}): Job {
  const job = {
    attempt: {
      id: 'attempt1',
      claim: 1,
      queuedAt: NOW,
      startedAt: NOW,
      createdAt: NOW,
      flagged: [],
      tree: null,
      commit: null,
      branch: null,
      publishMode: null,
      publishBy: null,
      userId: 'user1',
      changes: [],
    },
    task: { id: 'task1', title: 'Say hello', mode: 'code', agent: 'command', branch: null },
    turn: { id: 'turn1', prompt: 'echo hello > hello.txt' },
    environment: {
      id: 'env1',
      name: 'shop',
      image: 'base',
      setupScript: null,
      versions: {},
      maintenanceScript: null,
      variables: {},
      agentScript: null,
      agentUser: 'agent',
      publish: 'manual',
      holdFlagged: true,
      publishUnlinked: true,
      resources: {},
      limits: {},
      updatedAt: NOW,
      cacheEpoch: 0,
      services: [],
      repositories: [],
    },
    repository: { id: 'repo1', forge: 'git', address: '/srv/repo', defaultBranch: null },
    user: { id: 'user1', name: 'Ada', email: 'ada@example.test' },
  }
  for (const [part, values] of Object.entries(parts)) Object.assign(job[part as keyof typeof job], values)
  return job as unknown as Job
}
