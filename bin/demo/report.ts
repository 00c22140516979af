import type { AttemptJson, TaskJson } from '../../api/schemas/task.ts'
import { lastAttempts } from '../../cli/attempts.ts'
import { say, styleOf } from '../../cli/context.ts'
import type { CliContext } from '../../cli/context.ts'
import { colourPatch, warnFlagged } from '../../cli/patch.ts'
import { diffText, duration, stateText } from '../../cli/render-task.ts'
import { neutraliseLine } from '../../cli/terminal.ts'
import { isUrl } from './plan.ts'

export type DemoReport = {
  task: string
  attempt: string
  state: string
  reason: string | null
  message: string | null
  phases: AttemptJson['phases']
  diff: NonNullable<AttemptJson['diff']>
  flagged: AttemptJson['flagged']
  origin: string
  branch: string | null
  commit: string | null
  pullRequest: AttemptJson['pullRequest']
}

/** What became of the demo's task, as its JSON says it. */
export function reportOf(task: TaskJson, origin: string): DemoReport {
  const [attempt] = lastAttempts(task)
  if (attempt === undefined) throw new Error('a task has an attempt')
  const { publish } = attempt
  const isPublished = publish.state === 'published'
  const stopped = ['failed', 'held'].includes(publish.state)
  return {
    task: task.id,
    attempt: attempt.id,
    state: attempt.state,
    reason: attempt.reason ?? (stopped ? `publish-${publish.state}` : null),
    message: attempt.message ?? (stopped ? publish.reason : null),
    phases: attempt.phases.map(({ phase, ms }) => ({ phase, ms })),
    diff: attempt.diff ?? { files: 0, additions: 0, deletions: 0 },
    flagged: attempt.flagged,
    origin,
    branch: isPublished ? attempt.branch : null,
    commit: isPublished ? attempt.commit : null,
    pullRequest: attempt.pullRequest,
  }
}

/** Done: it succeeded, and what it changed is published. */
export function isDone({ state, diff, branch }: DemoReport): boolean {
  return state === 'succeeded' && (diff.files === 0 || branch !== null)
}

export type Ending = { report: DemoReport; patch: Uint8Array; base: string; startCommand: string; isTrusted: boolean }

/** The end of the demo for people: the diff, the branch, and three commands that work as they stand. */
export function writeReport({ report, patch, ...ending }: Ending, context: CliContext): void {
  const style = styleOf(context, context.out)
  const line = (text = '') => context.out.write(`${text}\n`)
  if (patch.length > 0) line(`\n${colourPatch(patch, style).trimEnd()}`)
  warnFlagged(report, context)
  const total = report.phases.map(({ phase, ms }) => `${phase} ${duration(ms)}`).join(' · ')
  line(`\n${stateText(report.state, style)}: ${diffText(report.diff)}${total === '' ? '' : `  (${total})`}`)
  if (report.message !== null) say(context, neutraliseLine(report.message))
  if (report.branch === null) return
  line(`Branch ${style('bold', report.branch)} is in ${neutraliseLine(report.origin)}`)
  if (report.pullRequest !== null) line(`Pull request: ${neutraliseLine(report.pullRequest.url)}`)
  line(`\nTry next:`)
  for (const command of nextCommands(report, { branch: report.branch, ...ending })) line(`  ${style('cyan', command)}`)
}

type NextOptions = { branch: string; base: string; startCommand: string; isTrusted: boolean }

export function nextCommands(
  { origin, diff }: DemoReport,
  { branch, base, startCommand, isTrusted }: NextOptions,
): string[] {
  if (isUrl(origin)) {
    return [
      `git ls-remote ${shellWord(origin)} ${shellWord(branch)}`,
      `git clone --branch ${shellWord(branch)} ${shellWord(origin)} ${branch.replaceAll('/', '-')}`,
      startCommand,
    ]
  }
  // git works in other people's folders only when they are named.
  const git = isTrusted
    ? `git -C ${shellWord(origin)}`
    : `git -c ${shellWord(`safe.directory=${origin}`)} -C ${shellWord(origin)}`
  return [
    `${git} log -1 --stat ${shellWord(branch)}`,
    `${git} diff ${shellWord(base)} ${shellWord(branch)}${diff.files > 20 ? ' --stat' : ''}`,
    startCommand,
  ]
}

/** A word that a shell takes as it is. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
