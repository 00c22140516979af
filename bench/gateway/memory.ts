import { cleanupStack } from '../../runner/cleanup.ts'
import { progress, round } from '../support/report.ts'
import { docker, residentMiB } from './containers.ts'
import { HOST, faultOf, runLoad } from './load.ts'
import type { World } from './world.ts'

const SLICE_S = 5

export type Memory = {
  sandboxes: number
  requests: number
  /** Of the gateway's process: before, and after each few seconds of load. */
  residentMiB: number[]
  /** From a fifth of the samples to the last. */
  growthMiB: number
  faults: string[]
}

/** Sends requests through many sandboxes at once and looks at the gateway's memory. */
export async function measureMemory(world: World, shape: { sandboxes: number; requests: number }): Promise<Memory> {
  const cleanup = cleanupStack()
  try {
    return await measure(world, { ...shape, defer: cleanup.defer })
  } finally {
    await cleanup[Symbol.asyncDispose]()
  }
}

type Shape = { sandboxes: number; requests: number; defer: (release: () => Promise<void>) => void }

async function measure(world: World, { sandboxes, requests, defer }: Shape): Promise<Memory> {
  progress(`Making ${sandboxes} sandbox networks, and sending ${requests} requests through them …`)
  const faults: string[] = []
  const addresses: string[] = []
  let client: string | undefined
  for (let i = 0; i < sandboxes; i++) {
    const sandbox = await world.gateway.sandbox()
    defer(async () => sandbox[Symbol.asyncDispose]())
    const { network, address, dns } = sandbox.attachment
    addresses.push(dns)
    // One container stands for all: on each network it has the address of that network's sandbox.
    if (client === undefined)
      client = await world.startClient({ name: 'client-memory', network, address, hosts: { [HOST]: dns } })
    else await docker('network', 'connect', '--ip', address, network, client)
  }
  if (client === undefined) return { sandboxes, requests: 0, residentMiB: [], growthMiB: 0, faults }
  const container = client
  defer(async () => void (await docker('rm', '-f', container)))
  const resident = [round(await residentMiB(world.gateway.container))]
  let sent = 0
  while (sent < requests) {
    const load = await runLoad(container, {
      connections: 2 * sandboxes,
      threads: sandboxes,
      seconds: SLICE_S,
      addresses,
    })
    const fault = faultOf(load)
    if (fault !== undefined) faults.push(`memory: ${fault}`)
    if (load.asked === 0) break
    sent += load.asked
    resident.push(round(await residentMiB(world.gateway.container)))
    progress(`${sent} requests: ${resident.at(-1)} MiB`)
  }
  const settled = resident[Math.ceil(resident.length / 5)] ?? NaN
  const growthMiB = round((resident.at(-1) ?? NaN) - settled)
  return { sandboxes, requests: sent, residentMiB: resident, growthMiB, faults }
}
