import type { NetworkJson } from '../api/schemas/ledger.ts'
import type { AttemptJson, TaskJson } from '../api/schemas/task.ts'
import { clip, neutralise, neutraliseLine } from './terminal.ts'
import type { Look, Style } from './terminal.ts'

const LOOKS: Readonly<Record<string, Look>> = {
  succeeded: 'green',
  published: 'green',
  failed: 'red',
  cancelled: 'yellow',
  held: 'yellow',
}

export function stateText(state: string, style: Style): string {
  const look = LOOKS[state]
  return look === undefined ? state : style(look, state)
}

/** A task with its turns and attempts, for reading. */
export function renderTask(task: TaskJson, style: Style): string {
  const lines = [
    `${style('bold', neutraliseLine(task.title))}`,
    `  task         ${task.id}`,
    `  state        ${stateText(task.state, style)}`,
    `  mode         ${task.mode}`,
    `  environment  ${neutraliseLine(task.environmentName)}`,
    ...(task.branch === null ? [] : [`  from branch  ${neutraliseLine(task.branch)}`]),
    `  created      ${task.createdAt} by ${neutraliseLine(task.creatorName)} (${task.product})`,
    ...(task.contentRemoved ?? []).map(({ kind, at, sentence }) => `  ${kind.padEnd(13)}${sentence} (${at})`),
  ]
  for (const [i, turn] of task.turns.entries()) {
    if (task.turns.length > 1) lines.push('', `  turn ${i + 1}: ${neutraliseLine(turn.prompt.slice(0, 200))}`)
    for (const attempt of turn.attempts) lines.push('', ...attemptLines(attempt, style))
  }
  return lines.join('\n')
}

function attemptLines(attempt: AttemptJson, style: Style): string[] {
  const { state, reason, message, phases, diff, answer } = attempt
  return [
    `  ${style('bold', `attempt ${attempt.n}`)}  ${stateText(state, style)}${reason === null ? '' : ` (${reason})`}`,
    ...(message === null ? [] : [line('', neutralise(message))]),
    ...(phases.length === 0
      ? []
      : [line('phases', phases.map(({ phase, ms }) => `${phase} ${duration(ms)}`).join(' · '))]),
    ...(attempt.start === null ? [] : [line('start', startText(attempt.start))]),
    ...(attempt.changes ? [] : changeLines({ stats: diff, ...attempt }, style)),
    ...(attempt.network ? [line('network', networkText(attempt.network))] : []),
    ...(attempt.changes?.flatMap((change) => inRepository(change, style)) ?? publishLines(attempt, style)),
    ...(answer === null || answer === '' ? [] : ['', neutralise(answer)]),
  ]
}

const line = (name: string, value: string) => `    ${name.padEnd(11)}${value}`

type Change = Pick<AttemptJson, 'flagged'> & { stats: AttemptJson['diff'] }

function changeLines({ stats, flagged }: Change, style: Style): string[] {
  return [
    ...(stats === null ? [] : [line('changes', diffText(stats))]),
    ...flagged.map(({ path, why }) => line('flagged', style('yellow', `${neutraliseLine(path)}: ${why}`))),
  ]
}

type Published = Pick<AttemptJson, 'branch' | 'commit' | 'pullRequest' | 'publish'>

function publishLines({ branch, commit, pullRequest, publish }: Published, style: Style): string[] {
  return [
    ...(publish.state === 'none' ? [] : [line('publishing', publishText({ publish }, style))]),
    ...(branch === null || publish.state !== 'published' ? [] : [line('branch', neutraliseLine(branch))]),
    ...(commit === null || publish.state !== 'published' ? [] : [line('commit', commit)]),
    ...(pullRequest === null ? [] : [line('pull request', ` ${neutraliseLine(pullRequest.url)}`)]),
  ]
}

const inRepository = (change: NonNullable<AttemptJson['changes']>[number], style: Style) => [
  `    in ${style('bold', neutraliseLine(change.repository))}`,
  ...changeLines(change, style),
  ...publishLines(change, style),
]

const CACHE: Record<NonNullable<AttemptJson['start']>['cache'], string> = {
  hit: ', cache hit',
  miss: ', cache miss',
  none: '',
}

function startText({ sandbox, cache, reason }: NonNullable<AttemptJson['start']>): string {
  return `${sandbox}${CACHE[cache]}: ${neutraliseLine(reason)}`
}

function publishText({ publish }: Pick<AttemptJson, 'publish'>, style: Style): string {
  const reason = publish.reason === null ? '' : `: ${neutraliseLine(publish.reason)}`
  return `${stateText(publish.state, style)}${reason}`
}

const HOSTS_SHOWN = 3

/** What an attempt asked of the network, in one line: the hosts with the most requests by name. */
export function networkText({ requests, denied, bytesUp, bytesDown, hosts, others }: NetworkJson): string {
  const shown = hosts.slice(0, HOSTS_SHOWN).map(({ host, verdict, count }) => {
    const name = host === null ? '(no name)' : neutraliseLine(clip(host, 60))
    return `${name} ${count}${verdict === 'deny' ? ' denied' : ''}`
  })
  const rest = hosts.length - shown.length + (others?.hosts ?? 0)
  return [
    `${requests} ${requests === 1 ? 'request' : 'requests'}, ${denied} denied, ${bytesText(bytesUp)} up, ${bytesText(bytesDown)} down`,
    ...(shown.length === 0 ? [] : [`(${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''})`]),
  ].join(' ')
}

const KiB = 1024

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.floor(Math.log(Math.max(1, bytes)) / Math.log(KiB)))
  return power === 0 ? `${bytes} B` : `${(bytes / KiB ** power).toFixed(1)} ${units[power]}`
}

export function diffText({ files, additions, deletions }: NonNullable<AttemptJson['diff']>): string {
  if (files === 0) return 'none'
  return `${files} ${files === 1 ? 'file' : 'files'}, +${additions} −${deletions}`
}

export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`
}
