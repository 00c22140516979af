import type { Db } from '../../domain/db.ts'
import { isOpen } from '../../domain/tasks/attempt.ts'
import { lastMessage } from '../../domain/tasks/last-message.ts'
import { readPatch } from '../../domain/tasks/read.ts'
import type { AttemptView, TaskView } from '../../domain/tasks/read.ts'
import { removedBecause } from '../../domain/retention/kinds.ts'
import { visibleText } from '../../forge/plain-text.ts'

/** What an attempt left: its diff, where there is one, and what is to be said. */
export type Output = { diff: string | undefined; messages: string[] }

/** Reads what an attempt left. A question has an answer, code has a change and notes about it. */
export async function outputOf(db: Db, task: TaskView, attempt: AttemptView): Promise<Output> {
  if (isOpen(attempt.state)) return { diff: undefined, messages: [] }
  const gone = task.removed?.find(({ kind }) => kind !== 'ledger')
  if (gone) return { diff: undefined, messages: [`Its content was ${removedBecause(gone)}.`] }
  if (task.mode === 'ask') return { diff: undefined, messages: said([attempt.answer]) }
  const patch = await readPatch(db, attempt.id)
  const diff = patch && textOf(patch)
  const last = await lastMessage(db, { taskId: task.id, attemptId: attempt.id })
  const notes = [otherRepositories(task, attempt), flaggedFiles(attempt), pullRequests(attempt)]
  const isLost = patch !== undefined && diff === undefined
  return {
    // The CLI takes an empty diff for one of another format.
    diff: diff === '' ? undefined : diff,
    messages: said([
      last,
      isLost ? `The diff is not UTF-8 text. Apply it with: drydock apply ${task.id}` : null,
      ...notes,
    ]),
  }
}

/** Without a replaced byte, or not at all: what is applied must be what the agent wrote. */
function textOf(patch: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(patch)
  } catch {
    return undefined
  }
}

/** The diff is that of the first repository: only that one applies in a work tree. */
function otherRepositories(task: TaskView, { changes = [] }: AttemptView): string | null {
  const changed = changes.slice(1).filter(({ stats }) => stats.files > 0)
  if (changed.length === 0) return null
  const names = changed.map(({ repository }) => repository).join(', ')
  return `Changed, too: ${names}. Look with: drydock diff ${task.id} --repository NAME`
}

function flaggedFiles({ flagged }: AttemptView): string | null {
  if (flagged.length === 0) return null
  return `Look at these before you apply:\n${flagged.map(({ path, why }) => `${path}: ${why}`).join('\n')}`
}

function pullRequests({ pullRequest, changes }: AttemptView): string | null {
  const opened = (changes ?? [{ pullRequest }]).flatMap((change) => change.pullRequest?.url ?? [])
  return opened.length === 0 ? null : `Pull request: ${opened.join(' ')}`
}

/** Agents and repositories write some of this, and the CLI shows it on a terminal. */
function said(messages: readonly (string | null | undefined)[]): string[] {
  return messages.flatMap((message) => (message?.trim() ? [visibleText(message)] : []))
}
