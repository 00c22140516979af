import { CAPS } from '../../domain/environments/limits.ts'
import type { EventLog } from '../event-log.ts'
import type { AgentAdapter, AgentEvent } from './adapter.ts'
import { createLineSplitter } from './lines.ts'

/** A JSON event holds all that a command printed. A longer one is shown as cut text. */
const EVENT_LINE_BYTES = 2 * 1024 * 1024

export type Hearing = {
  onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => Promise<void>
  /** Takes what is left. `answer` is the last message, or for an agent without messages its standard output. */
  close: (exit: { code: number | null }) => Promise<{ answer: string; end: AgentEnd | undefined }>
}

export type AgentEnd = Extract<AgentEvent, { t: 'end' }>

export type HearingDeps = {
  log: Pick<EventLog, 'write'>
  heard: () => void
  onSession?: ((sessionId: string) => void) | undefined
}

/** Turns what one agent prints into events of the live log, its answer and its end. */
export function listenTo(adapter: AgentAdapter, { log, heard, onSession }: HearingDeps): Hearing {
  const parser = adapter.parser()
  const answer = answerOf()
  let end: AgentEnd | undefined

  const take = async (events: readonly AgentEvent[]) => {
    for (const event of events) {
      answer.take(event)
      if (event.t === 'end') end = event
      if (event.t === 'session') onSession?.(event.id)
      await writeEvent(log, event)
    }
  }
  const events = adapter.wire === null ? {} : { maxBytes: EVENT_LINE_BYTES }
  const splitters = {
    stdout: createLineSplitter((line) => take(parser.push(line, 'stdout')), events),
    stderr: createLineSplitter((line) => take(parser.push(line, 'stderr'))),
  }
  return {
    onOutput(stream, chunk) {
      heard()
      return splitters[stream].push(chunk)
    },
    async close(exit) {
      await splitters.stdout.close()
      await splitters.stderr.close()
      await take(parser.close(exit))
      return { answer: answer.text(), end }
    },
  }
}

/** The last message, or all of standard output, within the cap. */
function answerOf() {
  let message: string | undefined
  let output = ''
  return {
    take(event: AgentEvent) {
      if (event.t === 'message') message = event.text
      if (event.t === 'output' && event.stream === 'stdout' && output.length < CAPS.answerBytes)
        output += `${event.text}\n`
    },
    text: () => (message ?? output).slice(0, CAPS.answerBytes).trimEnd(),
  }
}

async function writeEvent(log: Pick<EventLog, 'write'>, event: AgentEvent): Promise<void> {
  const { t, ...rest } = event
  if (t === 'output') await log.write('agent', 'output', rest)
  else if (t !== 'end') await log.write('agent', t, rest)
}
