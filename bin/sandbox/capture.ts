import type { ExecSpec } from '../../runner/sandbox/sandbox.ts'

const MiB = 1024 * 1024
/** Of each stream. What comes after is counted, not kept. */
const MAX_BYTES = 16 * MiB

export type Captured = { stdout: string; stderr: string; truncated: boolean }

/** Keeps what a command says, up to a bound, and hands it on as it comes. */
export function capture(onOutput: NonNullable<ExecSpec['onOutput']> = () => {}) {
  const kept = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  const size = { stdout: 0, stderr: 0 }
  const text = (stream: 'stdout' | 'stderr') => Buffer.concat(kept[stream]).subarray(0, MAX_BYTES).toString('utf8')
  return {
    onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => {
      if (size[stream] < MAX_BYTES) kept[stream].push(Buffer.from(chunk))
      size[stream] += chunk.length
      return onOutput(stream, chunk)
    },
    result: (): Captured => ({
      stdout: text('stdout'),
      stderr: text('stderr'),
      truncated: size.stdout > MAX_BYTES || size.stderr > MAX_BYTES,
    }),
  }
}
