import type { RepositoryChange } from '../../domain/tasks/changes.ts'
import type { Job } from '../../domain/tasks/job.ts'
import type { Busy, Published, Publishing } from './publish.ts'

export type ChangesDeps = {
  publish: (one: Publishing) => Promise<Published>
  settle: (name: string, published: Exclude<Published, { busy: Busy }>) => Promise<void>
}

/**
 * Publishes what is to be published of several repositories, each by itself: one that is refused keeps none of the others.
 * Resolves to who was busy, the one that asked for the longest time first.
 */
export async function publishChanges(job: Job, { publish, settle }: ChangesDeps): Promise<Busy | undefined> {
  const busy: Busy[] = []
  for (const change of job.attempt.changes.filter((each) => each.publish.state === 'pending')) {
    const published = await publish(publishingOf(job, change))
    if ('busy' in published) busy.push({ ...published.busy, reason: `${change.name}: ${published.busy.reason}` })
    else await settle(change.name, published)
  }
  return busy.sort((a, b) => (b.delayMs ?? 0) - (a.delayMs ?? 0))[0]
}

/** The attempt as if it had worked on that repository alone. */
function publishingOf({ task, turn, attempt }: Job, change: RepositoryChange): Publishing {
  const { tree, commit, branch, flagged, baseBranch, repository } = change
  return {
    turn,
    task: { ...task, branch: baseBranch },
    attempt: { ...attempt, tree, commit, branch, flagged },
    repository: { ...repository, defaultBranch: null },
  }
}
