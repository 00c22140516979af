import type { AgentEvent, AgentParser } from './adapter.ts'
import { cutTo } from './cut.ts'
import { readObject, SAID, type Said } from './said.ts'

/** What is written in full whatever the log holds is bounded here, or an agent could fill the database with it. */
const MOST = { notices: 200, usages: 1000, open: 100 }

export type Verdict = { ok: boolean; error?: string }

/** What a reader of one agent's events works with. */
export type Turn = {
  /** Commands, changes and calls that have not ended; the event is what is said when they never do. */
  open: Map<string, AgentEvent>
  /** How the agent says that it ended; the last word counts. */
  verdict: Verdict | undefined
}

/** The events of one object, `undefined` when the agent is not known to say such a thing. */
export type EventReader = (said: Said, turn: Turn) => AgentEvent[] | undefined

/**
 * Reads one JSON object a line. Lines that are none, and events that nobody knows, are kept as `raw`; nothing that an
 * agent prints makes it throw. The verdict is given at the end: good only when the agent said so and left with 0.
 */
export function createJsonParser(read: EventReader): AgentParser {
  const turn: Turn = { open: new Map(), verdict: undefined }
  const admit = createGate()
  return {
    push(line, stream) {
      if (stream === 'stderr') return [{ t: 'output', stream, text: cutTo(line, SAID.lineBytes) }]
      if (line === '') return []
      return (tryRead(read, { line, turn }) ?? [{ t: 'raw', line: cutTo(line, SAID.lineBytes) } as const]).flatMap(
        admit,
      )
    },
    close({ code }) {
      const { verdict } = turn
      const error = verdict?.error
      return [...lose(turn), { t: 'end', ok: code === 0 && verdict?.ok === true, ...(error ? { error } : {}) }]
    },
  }
}

/** Ends what is still open as lost. */
export function lose(turn: Turn): AgentEvent[] {
  const lost = [...turn.open.values()]
  turn.open.clear()
  return lost
}

/** What begins and ends. */
export type Act = Extract<AgentEvent, { t: 'command' | 'tool' | 'files' }>

/** Says that something began, and remembers it. */
export function begin(turn: Turn, act: Act): AgentEvent[] {
  if (turn.open.size < MOST.open) turn.open.set(act.id, lostOf(act))
  return [act]
}

/** Says that something ended; and first that it began, where the agent did not. */
export function finish(turn: Turn, act: Act): AgentEvent[] {
  if (turn.open.delete(act.id)) return [act]
  return [startOf(act), act]
}

const lostOf = (act: Act): Act =>
  act.t === 'files' ? { ...act, status: 'lost' } : { ...act, phase: 'end', status: 'lost' }

function startOf(act: Act): Act {
  if (act.t === 'files') return { ...act, status: 'running' }
  if (act.t === 'command') return { ...act, phase: 'start', status: 'running', output: '', exitCode: null }
  return { t: 'tool', id: act.id, phase: 'start', name: act.name, input: act.input ?? '', status: 'running' }
}

function tryRead(read: EventReader, { line, turn }: { line: string; turn: Turn }): AgentEvent[] | undefined {
  try {
    const said = readObject(line)
    return said && read(said, turn)
  } catch {
    // Too deep to be written again, say. It is shown as it came.
    return undefined
  }
}

function createGate() {
  let notices = 0
  let usages = 0
  let hasSession = false
  return (event: AgentEvent): AgentEvent[] => {
    if (event.t === 'notice' && ++notices > MOST.notices) return [{ t: 'raw', line: event.message }]
    if (event.t === 'usage' && ++usages > MOST.usages) return []
    if (event.t !== 'session') return [event]
    if (hasSession) return []
    hasSession = true
    return [event]
  }
}
