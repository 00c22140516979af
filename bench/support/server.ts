import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { packageRoot } from '../../bin/config.ts'
import { atExit } from './at-exit.ts'

export type ServerInput = {
  dataDir: string
  repositoryRoots: readonly string[]
  /** Default `all`. */
  role?: 'all' | 'api' | 'runner'
  /** More variables for the server. */
  env?: Readonly<Record<string, string>>
  /** Gets every line that the server writes to standard error. */
  onLine?: (line: string) => void
}

export type ServerChild = {
  /** The leader of its process group. */
  pid: number
  /** Settles when the server works; rejects with its last lines when it ends before. A runner has no URL. */
  ready: Promise<{ url: string; token: string }>
  /** Kills the server and all it started, at once. Resolves when it is gone. */
  killHard: () => Promise<void>
  /** Asks the server to end and waits for it. Resolves to its exit code. */
  stop: () => Promise<number | null>
}

// On a machine that does much else it takes its time.
const START_LIMIT_MS = 300_000

/** Starts `bin/drydock serve` on a free port, as the head of a process group of its own. */
export function startServerChild(input: ServerInput): ServerChild {
  const roots = input.repositoryRoots.flatMap((folder) => ['--repository-root', folder])
  const args = ['serve', '--role', input.role ?? 'all', '--port', '0', '--data', input.dataDir, ...roots, '--json']
  const child = spawn(join(packageRoot, 'bin', 'drydock'), args, {
    // What was built for this program is what its servers run: nothing is built again while they start and die.
    env: { ...process.env, DRYDOCK_LOG: 'warn', ...input.env, DRYDOCK_PREBUILT: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  const exited = once(child, 'exit') as Promise<[number | null]>
  // A process group of its own outlives the terminal's Ctrl-C.
  const keep = atExit(() => killGroup(child))
  exited.then(keep, () => undefined)
  const ready = untilReady(child, { exited, onLine: input.onLine })
  // Whoever kills a server that is still starting does not wait for it to be ready.
  ready.catch(() => undefined)
  return {
    pid: child.pid ?? 0,
    ready,
    async killHard() {
      killGroup(child)
      await exited
    },
    async stop() {
      child.kill('SIGTERM')
      return (await exited)[0]
    },
  }
}

type Watch = { exited: Promise<unknown>; onLine: ServerInput['onLine'] }

async function untilReady(child: ChildProcessByStdio<null, Readable, Readable>, { exited, onLine }: Watch) {
  const last: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => {
    last.push(line)
    if (last.length > 20) last.shift()
    onLine?.(line)
  })
  const line = once(createInterface({ input: child.stdout }), 'line') as Promise<[string]>
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), START_LIMIT_MS)))
  const first = await Promise.race([line, exited.then(() => undefined), late])
  clearTimeout(timer)
  if (first === undefined) {
    killGroup(child)
    throw new Error(`Cannot start the server. Its last lines:\n${last.join('\n')}`)
  }
  const { url, adminTokenFile } = JSON.parse(first[0]) as { url: string | null; adminTokenFile: string }
  return { url: url ?? '', token: readFileSync(adminTokenFile, 'utf8').trim() }
}

function killGroup({ pid }: { pid?: number | undefined }): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}
