import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { findFreezer } from '../../../runner/sandbox/freezer.ts'
import { openHostView } from '../../../runner/sandbox/host-view.ts'
import { docker } from './harness.ts'

const COMMANDS = 5
const TRIES = 30
const HANGS_MS = 2500

/** Starts commands beside the product, as an administrator's `docker exec` does; resolves when one is half-way. */
export async function startForeign(container: string): Promise<{ started: Promise<unknown> }> {
  const view = await openHostView(container, Number(await docker('inspect', '-f', '{{.State.Pid}}', container)))
  const count = async () => (await view?.pids())?.length
  const before = await count()
  const start = async () => {
    const { Id } = await call(`/containers/${container}/exec`, { Cmd: ['true'] })
    await call(`/exec/${Id}/start`, { Detach: true })
  }
  const started = Promise.all(Array.from({ length: COMMANDS }, start))
  // Some are over before they are seen: then there is nothing to meet.
  const over = started.then(() => true)
  while ((await count()) === before) if (await Promise.race([over, delay(1, false)])) break
  return { started }
}

/** Freezes a container while commands start in it, until the engine hangs over it. False: it never does. */
export async function wedge(container: string): Promise<boolean> {
  for (let i = 0; i < TRIES; i++) {
    const { started } = await startForeign(container)
    await call(`/containers/${container}/pause`)
    const thawed = call(`/containers/${container}/unpause`).then(() => true)
    if (!(await Promise.race([thawed, delay(HANGS_MS, false)]))) return true
    await started
  }
  return false
}

/** For the end of a test, come what may: a container over which the engine hangs is in everyone's way. */
export async function unwedge(container: string): Promise<void> {
  await (await findFreezer(container))?.end()
}

/** One call of the engine, without the start of a client: the moments here are short. */
function call(path: string, body?: object): Promise<{ Id?: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const outgoing = request({ socketPath: '/var/run/docker.sock', method: 'POST', path, headers }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += chunk.toString()))
      response.on('end', () => resolve(text.startsWith('{') ? (JSON.parse(text) as { Id?: string }) : {}))
    })
    outgoing.on('error', reject)
    outgoing.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
