import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
/** Kept between runs: one version has some hundred MB. */
const INSTALLED = join(tmpdir(), 'drydock-test-codex-cli')
const NPM = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error']
/** Nobody listens there: whatever the program would ask of anybody but the server fails at once. */
const NOWHERE = 'http://127.0.0.1:9'

export type CodexVersion = '0.150.0' | '0.169.0'
export type CodexRun = { code: number | null; stdout: string; stderr: string }
export type CodexOptions = {
  cwd: string
  home: string
  server: string
  token: string
  env?: Record<string, string>
  /** What else its config.toml has. */
  config?: string
}

/** Fetches the real Codex CLI from npm, unless an earlier run has. No script of the package runs. */
export async function installCodex(version: CodexVersion): Promise<void> {
  const folder = join(INSTALLED, version)
  if (existsSync(folder)) return
  await mkdir(INSTALLED, { recursive: true })
  const fresh = await mkdtemp(join(INSTALLED, 'new-'))
  await run('npm', ['install', ...NPM, `--prefix=${fresh}`, `--cache=${fresh}/.cache`, `@openai/codex@${version}`])
  await rm(join(fresh, '.cache'), { recursive: true, force: true })
  // Who was beaten by another run leaves it at that.
  await rename(fresh, folder).catch(() => rm(fresh, { recursive: true, force: true }))
}

/** Runs the real Codex CLI with nothing of this machine's around it, as the documentation tells people to point it here. */
export async function codex(version: CodexVersion, args: readonly string[], options: CodexOptions): Promise<CodexRun> {
  const { cwd, home, server, token, env, config = '' } = options
  await mkdir(home, { recursive: true })
  const quiet = 'check_for_update_on_startup = false\nanalytics.enabled = false\n'
  await writeFile(join(home, 'config.toml'), `${quiet}${config}\n`)
  const child = spawn(join(INSTALLED, version, 'node_modules', '.bin', 'codex'), args, {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
      HOME: home,
      CODEX_HOME: home,
      HTTP_PROXY: NOWHERE,
      HTTPS_PROXY: NOWHERE,
      ALL_PROXY: NOWHERE,
      NO_PROXY: '127.0.0.1',
      CODEX_CLOUD_TASKS_BASE_URL: server,
      CODEX_AUTHAPI_BASE_URL: `${server}/authapi`,
      CODEX_ACCESS_TOKEN: token,
      ...env,
    },
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...output }
}
