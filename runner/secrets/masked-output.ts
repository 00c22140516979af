import { createLineSplitter } from '../agent/lines.ts'
import type { Progress } from '../workspace/workspace.ts'
import type { Mask } from './mask.ts'

/** What is printed through it is masked as the stream that it is, line by line; `close` hands on a last line without end. */
export function maskedOutput(mask: Mask, onOutput: Progress): { onOutput: Progress; close: () => Promise<void> } {
  const stream = (name: 'stdout' | 'stderr') => {
    const masked = mask.lines()
    return createLineSplitter((line) => onOutput(name, Buffer.from(`${masked(line)}\n`)))
  }
  const streams = { stdout: stream('stdout'), stderr: stream('stderr') }
  return {
    onOutput: (name, chunk) => streams[name].push(chunk),
    async close() {
      await streams.stdout.close()
      await streams.stderr.close()
    },
  }
}
