import type { Phase } from '../domain/tasks/attempt.ts'
import { createLineSplitter } from './agent/lines.ts'
import type { EventLog } from './event-log.ts'
import type { Progress } from './workspace/workspace.ts'

export type PrintingInput = { log: EventLog; phase: Phase; heard?: () => void }

/** Does work that prints, and writes what it prints to the live log, line by line, also the last line without an end. */
export async function printing<T>(
  { log, phase, heard }: PrintingInput,
  work: (onOutput: Progress) => Promise<T>,
): Promise<T> {
  const lines = (stream: 'stdout' | 'stderr') =>
    createLineSplitter((text) => log.write(phase, 'output', { stream, text: text.toWellFormed() }))
  const splitters = { stdout: lines('stdout'), stderr: lines('stderr') }
  try {
    return await work((stream, chunk) => {
      heard?.()
      return splitters[stream].push(chunk)
    })
  } finally {
    await splitters.stdout.close()
    await splitters.stderr.close()
  }
}
