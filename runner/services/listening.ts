import { LABELS } from '../sandbox/engine.ts'
import type { Engine } from '../sandbox/engine.ts'
import { ownerLabels } from '../sandbox/owner-labels.ts'
import type { SandboxOwner } from '../sandbox/sandbox.ts'

/** Where a service is awaited: at any of its ports. */
export type Target = { name: string; address: string; ports: readonly number[] }

export type Listening = {
  targets: readonly Target[]
  /** The container of a service: what looks shares its network, where all of them can be seen. */
  container: string
  onListening: (name: string) => void
}

/** Tries each target until one of its ports takes a connection, and says which do. Plain Node, in the gateway's image. */
const PROGRAM = `
const net = require('node:net')
const dial = (host, port) => new Promise((resolve) => {
  const socket = net.connect({ host, port })
  const end = (isOpen) => { socket.destroy(); resolve(isOpen) }
  socket.setTimeout(2000, () => end(false))
  socket.on('connect', () => end(true))
  socket.on('error', () => end(false))
})
const until = async ({ name, address, ports }) => {
  while (!(await Promise.all(ports.map((port) => dial(address, port)))).includes(true)) await new Promise((resolve) => setTimeout(resolve, 100))
  process.stdout.write(name + '\\n')
}
Promise.all(JSON.parse(process.argv[1]).map(until)).then(() => process.exit(0))
`

type Place = { engine: Pick<Engine, 'runOnce'>; image: string; owner: SandboxOwner }

/**
 * Resolves when every target takes connections. Neither this process nor a service's image can be asked: the one is not in
 * that network, the other may have no program for it. Rejects when the signal aborts.
 */
export async function untilListening(
  { targets, container, onListening }: Listening,
  { engine, image, owner }: Place,
  signal: AbortSignal,
): Promise<void> {
  let heard = ''
  const { code, stderr } = await engine.runOnce(
    {
      image,
      labels: { ...ownerLabels(owner), [LABELS.kind]: 'probe' },
      command: ['node', '-e', PROGRAM, JSON.stringify(targets)],
      network: { container },
      onOutput: (text) => {
        heard += text
        for (const { name } of targets) if (heard.split('\n').includes(name)) onListening(name)
      },
    },
    signal,
  )
  if (code !== 0) throw new Error(`Cannot wait for services: what looks at them ended with ${code}: ${stderr}`)
}
