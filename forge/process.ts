import { spawn } from 'node:child_process'

export type ProcessOptions = {
  env: Record<string, string>
  cwd: string
  stdin?: Buffer | string | undefined
  maxOutputBytes: number
  /** After so long it is killed; what it printed until then is the result. */
  cutAfterMs?: number | undefined
  signal?: AbortSignal | undefined
}

export type ProcessResult = {
  /** Exit code; 128 + n when signal n ended it. */
  code: number
  stdout: Buffer
  stderr: string
  /** stdout was longer than the cap: the process was killed and `stdout` is what came before. */
  overflow: boolean
}

export type RunProcess = (argv: readonly string[], options: ProcessOptions) => Promise<ProcessResult>

const MAX_STDERR_BYTES = 64 * 1024
const KILL_AFTER_MS = 2000
const SIGNAL_NUMBERS: Partial<Record<NodeJS.Signals, number>> = {
  SIGKILL: 9,
  SIGTERM: 15,
  SIGXCPU: 24,
  SIGXFSZ: 25,
  SIGPIPE: 13,
}

/**
 * Runs a program to its end in a process group of its own. A non-zero exit is a result. Rejects with the signal's reason
 * when aborted, after the whole group is gone: SIGTERM first, so that git removes its temporary files.
 */
export async function runProcess(argv: readonly string[], options: ProcessOptions): Promise<ProcessResult> {
  options.signal?.throwIfAborted()
  const [program, ...args] = argv
  if (program === undefined) throw new Error('no program')
  const { env, cwd, stdin } = options
  // A pipe less is a quarter of what it costs here to start a program.
  const child = spawn(program, args, {
    env,
    cwd,
    detached: true,
    stdio: [stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  })
  const kill = (signal: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal)
    } catch {
      // The group is gone already.
    }
  }
  let late: NodeJS.Timeout | undefined
  const stop = () => {
    kill('SIGTERM')
    late ??= setTimeout(() => kill('SIGKILL'), KILL_AFTER_MS)
  }
  options.signal?.addEventListener('abort', stop, { once: true })
  const { cutAfterMs } = options
  const cut = cutAfterMs === undefined ? undefined : setTimeout(() => kill('SIGKILL'), cutAfterMs)
  const out = collect(options.maxOutputBytes, () => kill('SIGKILL'))
  const err = collect(MAX_STDERR_BYTES, () => undefined)
  child.stdout?.on('data', out.add)
  child.stderr?.on('data', err.add)
  // A program that ends before it has read its input is judged by its exit code.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(stdin)
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (exit, signal) => resolve(exit ?? 128 + (signal ? (SIGNAL_NUMBERS[signal] ?? 0) : 0)))
    })
    options.signal?.throwIfAborted()
    return { code, stdout: out.bytes(), stderr: err.bytes().toString('utf8'), overflow: out.overflow() }
  } finally {
    clearTimeout(late)
    clearTimeout(cut)
    options.signal?.removeEventListener('abort', stop)
  }
}

function collect(cap: number, onOverflow: () => void) {
  const chunks: Buffer[] = []
  let size = 0
  let over = false
  return {
    add: (chunk: Buffer) => {
      if (over) return
      over = size + chunk.length > cap
      chunks.push(over ? chunk.subarray(0, cap - size) : chunk)
      size += chunk.length
      if (over) onOverflow()
    },
    bytes: () => Buffer.concat(chunks),
    overflow: () => over,
  }
}
