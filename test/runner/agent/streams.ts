import { readFileSync } from 'node:fs'
import type { AgentEvent, AgentParser } from '../../../runner/agent/adapter.ts'

/** Events of one kind. */
export type Of<T extends AgentEvent['t']> = Extract<AgentEvent, { t: T }>

const captured = (name: string) =>
  readFileSync(new URL(`../../support/agent-streams/${name}.jsonl`, import.meta.url), 'utf8').split('\n')

/** What a parser makes of a captured stream, and of the end of its process. */
export function replay(parser: AgentParser, name: string, code: number | null = 0): AgentEvent[] {
  return feed(parser, captured(name), code)
}

export function feed(parser: AgentParser, lines: readonly string[], code: number | null = 0): AgentEvent[] {
  return [...lines.flatMap((line) => parser.push(line, 'stdout')), ...parser.close({ code })]
}

export const of = <T extends AgentEvent['t']>(events: readonly AgentEvent[], t: T): Of<T>[] =>
  events.filter((event): event is Of<T> => event.t === t)

/** Events as short texts, to see the order of a whole stream at once. */
export const outline = (events: readonly AgentEvent[]): string[] => events.map(lineOf)

function lineOf(event: AgentEvent): string {
  switch (event.t) {
    case 'command':
      return `command ${event.phase} ${event.status}${event.phase === 'end' ? ` ${event.exitCode}` : ''}`
    case 'tool':
      return `tool ${event.phase} ${event.status} ${event.name}`
    case 'files':
      return `files ${event.status} ${event.changes.map(({ kind, path }) => `${kind} ${path}`).join(', ')}`
    case 'todo':
      return `todo ${event.items.map(({ status }) => status).join(' ')}`
    case 'usage':
      return `usage ${event.scope} ${event.input}/${event.cached}/${event.output}/${event.reasoning}`
    case 'end':
      return `end ${event.ok}`
    case 'session':
    case 'message':
    case 'reasoning':
    case 'notice':
    case 'output':
    case 'raw':
      return event.t
  }
}
