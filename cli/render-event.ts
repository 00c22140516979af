import type { EventJson } from '../api/schemas/task.ts'
import { duration, stateText } from './render-task.ts'
import { neutralise, neutraliseLine } from './terminal.ts'
import type { Style } from './terminal.ts'

export type RenderOptions = {
  style: Style
  /** Output of tasks as it came, with whatever it does to a terminal. */
  raw: boolean
  /** Numbers of attempts by id, shown where there are several. */
  numbers: ReadonlyMap<string, number>
}

/** One event as text for people; nothing for those that only machines need. */
export function renderEvent(event: EventJson, { style, raw, numbers }: RenderOptions): string | undefined {
  const safe = raw ? (text: string) => text : neutralise
  const body = bodyOf(event, { style, safe })
  if (body === undefined) return undefined
  const n = numbers.size > 1 ? numbers.get(event.attempt) : undefined
  if (n === undefined) return body
  const label = style('dim', `[${n}] `)
  return body
    .split('\n')
    .map((line) => `${label}${line}`)
    .join('\n')
}

type Look = { style: Style; safe: (text: string) => string }

function bodyOf(event: EventJson, { style, safe }: Look): string | undefined {
  switch (event.kind) {
    case 'phase':
      return phaseLine(event, style)
    case 'state':
      return stateLine(event, style)
    case 'publish':
      return publishLine(event, style)
    case 'output':
    case 'reasoning':
    case 'message':
      return safe(textOf(event.text).replace(/\n$/, ''))
    case 'raw':
      return safe(textOf(event.line))
    case 'notice':
      return style('yellow', `! ${safe(textOf(event.message))}`)
    case 'command':
      return commandText(event, { style, safe })
    case 'todo':
      return todoText(event.items, safe)
    case 'files':
    case 'tool':
      return style('dim', `  ${event.kind} ${safe(textOf(event.name ?? event.status))}`)
    default:
      return undefined
  }
}

/** Phases that print have a heading before and a duration behind; the others are one line. */
function phaseLine({ phase, status, ms }: EventJson, style: Style): string | undefined {
  const prints = phase === 'agent' || phase === 'setup'
  const name = style('cyan', `▸ ${phase}`)
  if (status !== 'ended') return prints ? `${name} …` : undefined
  return prints ? style('dim', `  ${phase} took ${duration(Number(ms))}`) : `${name} ${duration(Number(ms))}`
}

function stateLine(event: EventJson, style: Style): string | undefined {
  const state = textOf(event.state)
  if (!['failed', 'cancelled', 'succeeded', 'queued'].includes(state)) return undefined
  const why = event.reason ?? event.because
  const reason = why == null ? '' : ` (${neutraliseLine(textOf(why))})`
  const message = event.message == null ? '' : `: ${neutralise(textOf(event.message))}`
  return `${stateText(state, style)}${reason}${message}`
}

function publishLine(event: EventJson, style: Style): string {
  const message = event.message ?? event.reason
  const why = message == null ? '' : `: ${neutralise(textOf(message))}`
  const state = textOf(event.state)
  const where = event.repository == null ? '' : ` ${neutraliseLine(textOf(event.repository))}`
  return `${style('cyan', `▸ publish${where}`)} ${state === 'pending' ? '…' : stateText(state, style)}${why}`
}

function commandText(event: EventJson, { style, safe }: Look): string {
  if (event.status === 'running' || event.phase === 'start')
    return `${style('bold', '$')} ${safe(textOf(event.command))}`
  const code =
    event.exitCode === 0 || event.exitCode == null ? '' : style('red', `\n  exit code ${textOf(event.exitCode)}`)
  return `${safe(textOf(event.output))}${code}`
}

function todoText(items: unknown, safe: (text: string) => string): string {
  if (!Array.isArray(items)) return ''
  const marks: Record<string, string> = { done: '✔', active: '▶', pending: '·' }
  return items
    .map(
      (item: { text?: unknown; status?: unknown }) =>
        `  ${marks[textOf(item.status)] ?? '·'} ${safe(textOf(item.text))}`,
    )
    .join('\n')
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  return value === undefined || value === null ? '' : JSON.stringify(value)
}
