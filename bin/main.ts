import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readClientConfig } from '../cli/config.ts'
import type { ClientConfig } from '../cli/config.ts'
import type { CliContext, Output } from '../cli/context.ts'
import { askHidden } from './ask-hidden.ts'
import { dispatch } from './dispatch.ts'
import { takeProfile } from './take-profile.ts'
import { reportError } from './report-error.ts'
import { ROOT } from './root.ts'

const INTERRUPTED = 130

/** The program: arguments in, exit code out. */
async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === '--version' || argv[0] === '-V' || argv[0] === 'version') {
    process.stdout.write(`${version()}\n`)
    return 0
  }
  const interrupt = onInterrupt()
  const { rest, profile } = takeProfile(argv)
  const context = createContext({ profile, signal: interrupt.signal, interrupt: () => interrupt.abort() })
  const end = argv.indexOf('--')
  const json = (end < 0 ? argv : argv.slice(0, end)).includes('--json')
  try {
    return await dispatch(rest, context)
  } catch (error) {
    if (interrupt.signal.aborted) return INTERRUPTED
    return reportError(error, { json, context })
  }
}

type Start = { profile: string | undefined; signal: AbortSignal; interrupt: () => void }

function createContext({ profile, signal, interrupt }: Start): CliContext {
  let config: ClientConfig | undefined
  return {
    config: () => (config ??= readClientConfig(process.env, profile)),
    profile,
    out: outputOf(process.stdout),
    err: outputOf(process.stderr),
    stdin: { isTerminal: process.stdin.isTTY, read: readStdin, ask: (question) => ask(question, interrupt) },
    cwd: currentFolder(process.env),
    env: process.env,
    program: 'bin/drydock',
    fetch,
    signal,
  }
}

/** npm runs our scripts in the package's folder; paths that a person types are relative to where that person is. */
function currentFolder({ npm_lifecycle_event: script = '', INIT_CWD: before }: NodeJS.ProcessEnv): string {
  const isOurs = ['demo', 'start', 'bench', 'fault'].includes(script) && process.cwd() === ROOT
  return isOurs && before !== undefined ? before : process.cwd()
}

function outputOf(stream: NodeJS.WriteStream): Output {
  return {
    write: (text) => void stream.write(text),
    isTerminal: stream.isTTY,
    get columns() {
      return stream.isTTY ? stream.columns : Infinity
    },
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

async function ask(question: string, interrupt: () => void): Promise<string> {
  try {
    return await askHidden(question, { terminal: process.stdin, say: (text) => void process.stderr.write(text) })
  } catch (error) {
    if ((error as Error).name === 'AbortError') interrupt()
    throw error
  }
}

/** The first Ctrl-C lets the command end its way, the second ends it at once. */
function onInterrupt(): AbortController {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(INTERRUPTED)
      controller.abort()
    })
  }
  return controller
}

function version(): string {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  return version
}

// A reader that has seen enough (`| head`) is no fault.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
}
const code = await main(process.argv.slice(2))
// Whatever still holds the process, such as a connection kept alive, is of no use any more; what was written is.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)))
