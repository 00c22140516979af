import { runProcess } from './process.ts'
import type { FromHost, ToHost } from './process-host.ts'

type Channel = Pick<NodeJS.Process, 'send' | 'on'>

/** Runs what it is asked for, until the channel ends. */
export function serveProcesses(channel: Channel): void {
  const running = new Map<number, AbortController>()
  channel.on('message', (message) => {
    const asked = message as ToHost
    if ('stop' in asked) return running.get(asked.stop)?.abort(new Error('stopped'))
    const { id, argv, options } = asked.run
    const over = new AbortController()
    running.set(id, over)
    const say = (answer: FromHost) => {
      running.delete(id)
      channel.send?.(answer)
    }
    runProcess(argv, { ...options, signal: over.signal }).then(
      (result) => say({ id, result }),
      (error: unknown) => say({ id, error: error as Error }),
    )
  })
}
