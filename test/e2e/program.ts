import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { onTestFinished } from 'vitest'

const PROGRAM = resolve('bin/drydock')

export type Run = { code: number | null; stdout: string; stderr: string }

type RunOptions = { env?: Record<string, string>; cwd?: string; stdin?: string }

/** Starts bin/drydock as a person would, away from this machine's own server. */
export function start(args: readonly string[], { env = {}, cwd, stdin = '' }: RunOptions = {}) {
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(DRYDOCK_(URL|TOKEN|DATA|PROFILE)|DATABASE_URL)$/.test(name),
  )
  const child = spawn(PROGRAM, [...args], {
    env: { ...Object.fromEntries(own), ...env },
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text))
  child.stdin.on('error', () => undefined)
  child.stdin.end(stdin)
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }))
  /** Resolves when a stream holds a text; rejects when the program ends without it. */
  const saw = (name: 'stdout' | 'stderr', text: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => output[name].includes(text) && resolve()
      child[name].on('data', look)
      look()
      void ended.then((run) => reject(new Error(`ended (${run.code}) without ${JSON.stringify(text)}: ${run.stderr}`)))
    })
  return { child, ended, saw, output }
}

export const run = (args: readonly string[], options?: RunOptions): Promise<Run> => start(args, options).ended

export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'drydock-e2e-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A data folder whose database goes with it. */
export function dataFolder(): string {
  const folder = join(temporaryFolder(), 'data')
  onTestFinished(() => {
    const installation = installationOf(folder)
    if (installation === undefined) return
    for (const id of containersOf(folder)) execFileSync('docker', ['rm', '-f', id], { stdio: 'ignore' })
    execFileSync('docker', ['volume', 'rm', '-f', `drydock-postgres-${installation}`], { stdio: 'ignore' })
  })
  return folder
}

/** Every container that belongs to a data folder, ended ones too. */
export function containersOf(folder: string): string[] {
  const installation = installationOf(folder)
  const ids = (...filter: string[]) =>
    execFileSync('docker', ['ps', '-aq', ...filter], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
  if (installation === undefined) return []
  return [...new Set([...ids('--filter', `name=${installation}`), ...labelled(installation)])]
}

function labelled(installation: string): string[] {
  const format = '{{.ID}} {{.Labels}}'
  const lines = execFileSync('docker', ['ps', '-a', '--format', format], { encoding: 'utf8' }).split('\n')
  return lines.filter((line) => line.includes(installation)).map((line) => line.split(' ')[0] ?? '')
}

function installationOf(folder: string): string | undefined {
  const file = join(folder, 'installation')
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}

export function git(cwd: string, ...args: string[]): string {
  const who = ['-c', 'user.name=t', '-c', 'user.email=t@t']
  return execFileSync('git', [...who, ...args], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
}

/** The JSON document that a command printed. */
export function documentOf<T>({ stdout }: { stdout: string }): T {
  return JSON.parse(stdout) as T
}
