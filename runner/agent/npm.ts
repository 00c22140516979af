import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { plainWords } from '../../forge/plain-text.ts'
import { AttemptFailure } from '../failure.ts'

const LIMIT_MS = 30 * 60_000
const TELL_EVERY_MS = 10_000
const WORDS = 2000

/**
 * Runs `npm ci` in a folder with a lock file: every package is checked against its hash there, and no script of a package
 * is run. Its cache is a part of the folder, so that nothing is left elsewhere.
 */
export async function fetchPackages(folder: string, tell: (line: string) => void): Promise<void> {
  const flags = [
    '--ignore-scripts',
    '--omit=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--no-update-notifier',
  ]
  const cache = join(folder, '.npm-cache')
  const child = spawn('npm', ['ci', ...flags, '--loglevel=error', `--cache=${cache}`], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  let words = ''
  child.stderr.on('data', (chunk: Buffer) => (words = (words + chunk.toString()).slice(-WORDS)))
  const started = performance.now()
  const timer = setInterval(() => {
    tell(`Still installing the agents (${Math.round((performance.now() - started) / 1000)} s)`)
  }, TELL_EVERY_MS)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code !== 0) throw unavailable(`npm ended with ${code ?? 'its time'}: ${plainWords(words) || 'it said nothing'}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw unavailable('npm is not installed on this machine. Install Node with npm, or use the agent "command".')
  } finally {
    clearInterval(timer)
  }
}

const unavailable = (why: string) => new AttemptFailure('agent-unavailable', `Cannot install agents: ${why}`)
