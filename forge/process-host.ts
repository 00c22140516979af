import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { runProcess } from './process.ts'
import type { ProcessOptions, ProcessResult, RunProcess } from './process.ts'

// To start a program, a process is copied first, and stands still meanwhile: tens of milliseconds where it holds much
// memory, as a server does. So a small process, which does nothing else, starts the programs.

const PROGRAM = fileURLToPath(new URL('./process-host-main.js', import.meta.url))

export type Asked = { id: number; argv: readonly string[]; options: Omit<ProcessOptions, 'signal'> }
/** To the host: a program to run, or the number of one to end. */
export type ToHost = { run: Asked } | { stop: number }
/** From the host: how one ended, or why it could not be run. */
export type FromHost = { id: number } & ({ result: ProcessResult } | { error: Error })

export type ProcessHost = {
  /** As `runProcess`. Rejects as well when the host is lost; the next one starts a new host. */
  run: RunProcess
  /** Ends the host, and with it whatever still runs. */
  close: () => void
}

type Waiting = { resolve: (result: ProcessResult) => void; reject: (error: unknown) => void }

/** The host as a process of Node, without core dumps. Run from source, as by tests, there is no program for it: then nobody is in between. */
export function ownProcessHost(): ProcessHost {
  if (!existsSync(PROGRAM)) return { run: runProcess, close: () => undefined }
  return processHost(() =>
    fork(PROGRAM, {
      env: {},
      execPath: 'prlimit',
      execArgv: ['--core=0', '--', process.execPath],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    }),
  )
}

/** `start` gives the channel to a new host. */
export function processHost(start: () => ChildProcess): ProcessHost {
  const waiting = new Map<number, Waiting>()
  let host: ChildProcess | undefined
  let last = 0

  function running(): ChildProcess {
    if (host?.connected) return host
    const started = start()
    host = started
    started.on('message', (answer: FromHost) => settle(answer))
    // A message that could not be sent: the end of the channel tells all that there is to know.
    started.on('error', () => undefined)
    started.once('disconnect', () => {
      if (host === started) host = undefined
      for (const { reject } of waiting.values())
        reject(new Error('Cannot run a program: the process that starts them ended'))
      waiting.clear()
    })
    return started
  }

  function settle(answer: FromHost): void {
    const one = waiting.get(answer.id)
    waiting.delete(answer.id)
    if ('result' in answer) one?.resolve(answer.result)
    else one?.reject(answer.error)
  }

  return {
    async run(argv, { signal, ...options }) {
      signal?.throwIfAborted()
      const to = running()
      const id = ++last
      const stop = () => {
        if (to.connected) to.send({ stop: id } satisfies ToHost)
      }
      signal?.addEventListener('abort', stop, { once: true })
      try {
        return await new Promise<ProcessResult>((resolve, reject) => {
          waiting.set(id, { resolve, reject })
          to.send({ run: { id, argv, options } } satisfies ToHost)
        })
      } finally {
        signal?.removeEventListener('abort', stop)
        signal?.throwIfAborted()
      }
    },
    close: () => host?.disconnect(),
  }
}
