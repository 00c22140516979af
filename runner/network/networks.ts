import type { LocalAccess, SandboxLimits } from '../../sandbox-policy/control.ts'
import { AttemptFailure } from '../failure.ts'
import { place } from './attach.ts'
import type { PlacedService } from './attach.ts'
import { startParts, type NetworkParts, type PartsDeps } from './network-parts.ts'
import type { Networks } from './network.ts'
import { OneNetwork } from './one-network.ts'
import { testIsolation } from './isolation.ts'
import type { PoolNetwork } from './pool.ts'
import { networkUnavailable } from './unavailable.ts'
import { sandboxFiles, type SandboxFiles } from './trust.ts'

/** Knows whether the self-test was passed before. */
export type IsolationMemory = { isKnown: () => Promise<boolean>; remember: () => Promise<void> }

export type NetworksDeps = PartsDeps & {
  /** False: networks are given without a self-test. Default true. */
  testIsolation?: boolean
  /** Of each sandbox; default: those of control.ts. */
  limits?: SandboxLimits
  /** Without one the self-test is made once by each process. */
  memory?: IsolationMemory
}

export type ManagedNetworks = Networks & {
  /** Starts the gateway and makes networks ready, so that the first sandbox does not wait. */
  prepare: (signal: AbortSignal) => Promise<void>
  /** Says what people's own tools may reach, now and after each restart of the gateway, which it starts. */
  serveLocal: (access: LocalAccess, signal: AbortSignal) => Promise<void>
  /** Sends the settings anew; for when an administrator has changed them. */
  refresh: () => Promise<void>
  /**
   * Replaces the CA: `prepare` makes a next one, which new sandboxes trust, too; `activate` lets it sign, once all
   * sandboxes trust it; `drop` ends the old one.
   */
  rotateCa: (step: 'prepare' | 'activate' | 'drop', signal: AbortSignal) => Promise<void>
}

/** The networks of a host's sandboxes, with one gateway, which is started when the first one is wanted. */
export function createNetworks(deps: NetworksDeps): ManagedNetworks {
  let starting: Promise<NetworkParts> | undefined
  let tested: Promise<void> | undefined
  const parts = () => {
    starting ??= startParts(deps)
    starting.catch(() => (starting = undefined))
    return starting
  }
  const verified = (of: NetworkParts) => {
    tested ??= test(deps, of)
    // What was found stands as long as this process; what kept from finding out does not.
    tested.catch((error: unknown) => {
      if (!(error instanceof AttemptFailure)) tested = undefined
    })
    return tested
  }
  const running = async (signal: AbortSignal): Promise<{ of: NetworkParts }> => {
    const of = await parts().catch((error: unknown) => {
      throw unavailable(error)
    })
    await of.gateway.ready(signal)
    if (deps.testIsolation !== false) await verified(of).catch((error: unknown) => Promise.reject(unavailable(error)))
    return { of }
  }
  return {
    async take(owner, signal, services = []) {
      const { of } = await running(signal)
      const network = await of.pool.take()
      try {
        await of.gateway.refresh()
        const placed = place(network, services)
        const currentFiles = () => filesFor(of, network, placed)
        const files = await currentFiles()
        return new OneNetwork({ ...deps, parts: of, network, owner, services: placed, files, currentFiles })
      } catch (error) {
        await of.pool.giveBack(network)
        throw unavailable(error)
      }
    },
    async prepare(signal) {
      const { of } = await running(signal)
      await of.pool.fill()
    },
    async serveLocal(access, signal) {
      const of = await parts()
      await of.gateway.putLocal(access, signal)
    },
    async refresh() {
      await (await starting)?.gateway.refresh()
    },
    async rotateCa(step, signal) {
      const { of } = await running(signal)
      await of.control.rotateCa(step)
    },
    async [Symbol.asyncDispose]() {
      const of = await starting?.catch(() => undefined)
      await of?.[Symbol.asyncDispose]()
    },
  }
}

/** The gateway is asked anew each time: its CA may be being replaced. */
async function filesFor(
  { control, folders, ownerCas }: NetworkParts,
  { gateway }: PoolNetwork,
  services: readonly PlacedService[],
): Promise<SandboxFiles> {
  const health = await control.health()
  return sandboxFiles(folders.trust, { health, gateway, ownerCas: ownerCas(), services })
}

async function test(deps: NetworksDeps, of: NetworkParts): Promise<void> {
  if (await deps.memory?.isKnown()) return
  await testIsolation(deps, of)
  await deps.memory?.remember()
}

function unavailable(error: unknown): Error {
  return (error as Error).name === 'AbortError' ? (error as Error) : networkUnavailable(error as Error)
}
