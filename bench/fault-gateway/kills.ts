import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { docker } from '../gateway/containers.ts'

/** What is killed beside the runner: the gateway's process, its container, the container that holds the network. */
export const SERVICES = ['gateway process', 'gateway container', 'ground container'] as const
export type Service = (typeof SERVICES)[number]

const GONE_LIMIT_MS = 5000

async function pidOf(container: string): Promise<number> {
  return Number(await docker('inspect', '--format', '{{.State.Pid}}', container))
}

/** Kills a container by its process, or by the engine. Resolves to the moment at which its process was gone. */
export async function killContainer(name: string, by: 'signal' | 'engine'): Promise<number> {
  const pid = await pidOf(name)
  const isSeen = existsSync(`/proc/${pid}`)
  const began = Date.now()
  if (by === 'signal' && isSeen) process.kill(pid, 'SIGKILL')
  else if (!isSeen) await docker('kill', name)
  else void docker('kill', name).catch(() => undefined)
  // Where the engine's processes cannot be seen, the outage counts from before the kill.
  if (!isSeen) return began
  while (existsSync(`/proc/${pid}`) && Date.now() - began < GONE_LIMIT_MS) await delay(1)
  return Date.now()
}
