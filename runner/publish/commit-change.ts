import type { Job } from '../../domain/tasks/job.ts'
import { branchName } from '../../forge/branch-name.ts'
import { commitMessage } from '../../forge/message.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import type { RunnerDeps } from '../runner-deps.ts'
import type { Base, Change } from '../workspace/workspace.ts'

const DRYDOCK = { name: 'Drydock', email: 'drydock@localhost' }

export type CommitChange = { job: Job; view: MirrorView; change: Pick<Change, 'tree'>; base: Pick<Base, 'commit'> }

/** Makes the commit of a change in the host's own store: author is the person, co-author the agent. Pushes nothing. */
export async function commitChange(
  { job, view, change, base }: CommitChange,
  { mirrors, taskUrl }: Pick<RunnerDeps, 'mirrors' | 'taskUrl'>,
): Promise<{ commit: string; branch: string }> {
  const { task, turn, user, attempt } = job
  const url = taskUrl(task.id)
  const agent = { name: `Drydock agent (${task.agent})`, email: `${task.agent}@agents.drydock.invalid` }
  const commit = await mirrors.commit(view, {
    tree: change.tree,
    parent: base.commit,
    message: commitMessage({ title: task.title, prompt: turn.prompt, agent, ...(url && { taskUrl: url }) }),
    author: { name: user.name, email: user.email },
    committer: DRYDOCK,
    date: attempt.startedAt ?? attempt.createdAt,
  })
  return { commit, branch: branchName(task.title, attempt.id) }
}
