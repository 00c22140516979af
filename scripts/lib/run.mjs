import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Failure } from './failure.mjs'

const KEPT_LINES = 30

/** Aborted by Ctrl-C: every program started here ends, and its caller clears up. */
export const interruption = new AbortController()

/**
 * Runs a program to its end. `onLine` sees each line of output; the last ones are part of the failure.
 * @param {{onLine?: (line: string) => void, cwd?: string, env?: object, stdin?: import('node:stream').Readable,
 *   signal?: AbortSignal, action?: string, advice?: string}} options
 */
export async function run(program, args, options = {}) {
  const { onLine = () => {}, stdin, signal, action = `run ${program}`, advice, ...spawnOptions } = options
  const child = spawn(program, args, {
    ...spawnOptions,
    signal: endedBy(signal),
    stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
  })
  const output = []
  const keep = (line) => {
    output.push(line)
    if (output.length > KEPT_LINES) output.shift()
    onLine(line)
  }
  createInterface({ input: child.stdout }).on('line', keep)
  createInterface({ input: child.stderr }).on('line', keep)
  if (stdin) feed(stdin, child.stdin)

  const ending = await endOf(child)
  if (ending !== 'exit code 0') throw new Failure(`Cannot ${action}: ${ending}`, { output, advice })
  return output
}

/** A reader that ends early breaks the pipe; its exit code tells more than the EPIPE does. */
function feed(source, target) {
  target.on('error', () => source.destroy())
  source.pipe(target)
}

const endedBy = (signal) => (signal ? AbortSignal.any([signal, interruption.signal]) : interruption.signal)

function endOf(child) {
  return new Promise((resolve) => {
    child.on('error', (error) => {
      // An aborted program still runs at this moment; `close` tells when it is gone.
      if (child.pid === undefined) resolve(error.code === 'ENOENT' ? 'the program is not installed' : error.message)
    })
    child.on('close', (code, signal) => resolve(signal ? `ended by ${signal}` : `exit code ${code}`))
  })
}
