import { simpleGit } from 'simple-git'
import { runProcess } from './process.ts'
import type { ProcessResult, RunProcess } from './process.ts'

// Host git (R1): no global or system configuration, no hooks, filters, helpers or pagers, no transport that the caller
// did not name, an environment made from nothing. Everything that reads a repository on the host goes through here.

const MiB = 1024 * 1024

/** Bounds of one git process, where it reads bytes that a sandbox or a remote made. */
export type GitLimits = { addressSpaceBytes?: number; cpuSeconds?: number; fileBytes?: number }

export type GitOptions = {
  /** Without one, git sees no repository at all. */
  gitDir?: string
  /** Added to the closed environment of this one process. */
  env?: Readonly<Record<string, string>>
  /** `key=value`, the strongest scope. Never a credential: arguments are readable by every user of the machine. */
  config?: readonly string[]
  stdin?: Buffer | string
  /** Default 64 MiB; more ends the process, see `overflow`. */
  maxOutputBytes?: number
  limits?: GitLimits
  signal?: AbortSignal
}

export type GitResult = ProcessResult
export type RunGit = (args: readonly string[], options: GitOptions) => Promise<GitResult>

/** Strongest scope, so that no repository's own configuration undoes it. */
export const HARDENED = [
  'core.hooksPath=/dev/null',
  'core.fsmonitor=false',
  'core.attributesFile=/dev/null',
  'core.excludesFile=/dev/null',
  'core.protectHFS=true',
  'core.protectNTFS=true',
  'core.logAllRefUpdates=false',
  // A shell command that git runs in repositories with alternates; `true` lists nothing.
  'core.alternateRefsCommand=true',
  'credential.helper=',
  'protocol.allow=never',
  'transfer.fsckObjects=true',
  'fetch.fsckObjects=true',
  'receive.fsckObjects=true',
  'gc.auto=0',
  'maintenance.auto=false',
  'receive.autogc=false',
  'receive.denyCurrentBranch=refuse',
  'submodule.recurse=false',
  'fetch.recurseSubmodules=false',
  'push.recurseSubmodules=no',
  'push.followTags=false',
  'push.gpgSign=false',
  'commit.gpgSign=false',
  'http.followRedirects=false',
  // A remote that sends nothing for a minute is given up.
  'http.lowSpeedLimit=1',
  'http.lowSpeedTime=60',
] as const

/** The whole environment of host git but for what a caller adds. `path` is where programs are looked for. */
export function gitEnvironment(path: string): Record<string, string> {
  return {
    PATH: path,
    // libcurl would read ~/.netrc.
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: 'none',
    GIT_NO_LAZY_FETCH: '1',
    GIT_OPTIONAL_LOCKS: '0',
  }
}

/**
 * Host git as a function: binary in and out, capped output, limits, cancellation that ends the whole process group.
 * simple-git does none of these (it decodes output, signals only the direct child, and allows no wrapper program), so
 * processes that talk to a remote or read a sandbox's bytes are run by this one.
 */
export function limitedGit(path: string, run: RunProcess = runProcess): RunGit {
  const base = gitEnvironment(path)
  return (args, options) => {
    // Without a repository: a git directory that is none keeps git from looking for one in parent folders.
    const config = [...HARDENED, ...(options.config ?? [])].flatMap((entry) => ['-c', entry])
    const argv = [...wrapper(options.limits), 'git', `--git-dir=${options.gitDir ?? '/dev/null'}`, ...config, ...args]
    return run(argv, {
      env: { ...base, ...options.env },
      cwd: '/',
      stdin: options.stdin,
      maxOutputBytes: options.maxOutputBytes ?? 64 * MiB,
      signal: options.signal,
    })
  }
}

/** What may use so much processor time, and talks to nobody, comes to its end by itself. */
const SHORT_S = 60

/**
 * The parent-death signal keeps a fetch or push from outliving a server that was killed; prlimit passes to all children.
 * A program in front of git costs as much as a small command of git: nothing has one that it does not need. Core dumps are
 * off for all that the process host starts.
 */
function wrapper({ addressSpaceBytes, cpuSeconds, fileBytes }: GitLimits = {}): string[] {
  const flags = [
    ...(addressSpaceBytes === undefined ? [] : [`--as=${addressSpaceBytes}`]),
    ...(cpuSeconds === undefined ? [] : [`--cpu=${cpuSeconds}`]),
    ...(fileBytes === undefined ? [] : [`--fsize=${fileBytes}`]),
  ]
  const limited = flags.length === 0 ? [] : ['prlimit', ...flags, '--core=0', '--']
  const isShort = cpuSeconds !== undefined && cpuSeconds <= SHORT_S
  return isShort ? limited : ['setpriv', '--pdeathsig', 'KILL', '--', ...limited]
}

export type LocalGit = (args: readonly string[], signal?: AbortSignal) => Promise<string>

/** Housekeeping in a repository that Drydock made itself, by simple-git. Rejects when git fails. */
export function localGit(path: string, gitDir: string): LocalGit {
  const env = gitEnvironment(path)
  const allowEnvironment = Object.keys(env).filter((name) => name.startsWith('GIT_'))
  return (args, signal) =>
    simpleGit({
      baseDir: gitDir,
      allowEnvironment,
      // simple-git guards against callers' input; these are constants of this file.
      unsafe: {
        allowUnsafeConfigPaths: true,
        allowUnsafeHooksPath: true,
        allowUnsafeFsMonitor: true,
        allowUnsafeCredentialHelper: true,
        allowUnsafeProtocolOverride: true,
        allowUnsafeTemplateDir: true,
      },
      config: [...HARDENED],
      // Without this it waits 50 ms after each command.
      completion: { onClose: true, onExit: false },
      ...(signal ? { abort: signal } : {}),
    })
      .env(env)
      .raw([`--git-dir=${gitDir}`, ...args])
}
