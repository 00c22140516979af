import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { Failure } from './failure.mjs'

const KEPT_LINES = 30

/**
 * Runs a program to its end. `onLine` sees each line of output; the last ones are part of the failure.
 * @param {{onLine?: (line: string) => void, cwd?: string, env?: object, stdin?: import('node:stream').Readable,
 *   signal?: AbortSignal, action?: string, advice?: string}} options
 */
export async function run(program, args, options = {}) {
  const { onLine = () => {}, stdin, action = `run ${program}`, advice, ...spawnOptions } = options
  const child = spawn(program, args, { ...spawnOptions, stdio: [stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'] })
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

function endOf(child) {
  return new Promise((resolve) => {
    child.on('error', (error) => resolve(error.code === 'ENOENT' ? 'the program is not installed' : error.message))
    child.on('close', (code, signal) => resolve(signal ? `ended by ${signal}` : `exit code ${code}`))
  })
}
