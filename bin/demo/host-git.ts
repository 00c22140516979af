import { spawn } from 'node:child_process'
import { CliError } from '../../cli/errors.ts'
import { neutraliseLine } from '../../cli/terminal.ts'

export type HostGitOptions = { env?: Readonly<Record<string, string>>; stdin?: string; onLine?: (line: string) => void }
export type HostGit = (args: readonly string[], options?: HostGitOptions) => Promise<string>

// Programs that a repository's own configuration could name.
const INERT = ['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'protocol.ext.allow=never', 'gc.auto=0']

/**
 * git as the person who runs the demo, for repositories that this person names; sandboxes never write them. Returns
 * standard output; rejects with git's own words. With a configuration file, nothing of the person's own is read.
 */
export function hostGit(parent: NodeJS.ProcessEnv, configFile?: string): HostGit {
  const base = {
    // A hook or alias that called us would hand its own repository on.
    ...Object.fromEntries(Object.entries(parent).filter(([name]) => !name.startsWith('GIT_'))),
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_NO_LAZY_FETCH: '1',
    GIT_OPTIONAL_LOCKS: '0',
    ...(configFile !== undefined && { GIT_CONFIG_GLOBAL: configFile, GIT_CONFIG_NOSYSTEM: '1' }),
  }
  return async (args, { env = {}, stdin = '' } = {}) => {
    const child = spawn('git', [...INERT.flatMap((setting) => ['-c', setting]), ...args], { env: { ...base, ...env } })
    const out: Buffer[] = []
    let words = ''
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (words += text))
    child.stdin.on('error', () => undefined)
    child.stdin.end(stdin)
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', () =>
        reject(new CliError('git-missing', 'Cannot run the demo: git is not installed', { exitCode: 2 })),
      )
      child.on('close', resolve)
    })
    if (code === 0) return Buffer.concat(out).toString('utf8')
    throw new CliError('git-failed', `git ${args.find((word) => !word.startsWith('-')) ?? ''}: ${lastWords(words)}`)
  }
}

function lastWords(text: string): string {
  const lines = text.trim().split('\n')
  return neutraliseLine(lines.find((line) => /^(fatal|error): /.test(line)) ?? lines.at(-1) ?? 'it failed')
}
