import { newId } from '../../domain/ids.ts'
import {
  DEFAULT_SANDBOX_LIMITS,
  type ModelUsage,
  type SandboxConfig,
  type SandboxLimits,
} from '../../sandbox-policy/control.ts'
import { attach } from './attach.ts'
import type { PlacedService } from './attach.ts'
import { GatewayRefused } from './control-client.ts'
import type { Attachment, NetworkGrant, SandboxNetwork } from './network.ts'
import type { NetworkParts } from './network-parts.ts'
import type { PoolNetwork } from './pool.ts'
import { NO_USAGE } from './spending.ts'
import type { SandboxFiles } from './trust.ts'

const PERMIT_LIMIT_MS = 30_000

export type OneNetworkDeps = {
  parts: Pick<NetworkParts, 'gateway' | 'pool' | 'repositories'>
  network: PoolNetwork
  owner: { attempt: string | null }
  /** What stands beside the sandbox. */
  services: readonly PlacedService[]
  files: SandboxFiles
  /** What a new sandbox of this network gets to see. */
  currentFiles: () => Promise<SandboxFiles>
  limits?: SandboxLimits
}

/** The network of one sandbox. Contract: `SandboxNetwork`. */
export class OneNetwork implements SandboxNetwork {
  readonly id = newId()
  readonly attachment: Attachment
  readonly services: readonly Attachment[]
  readonly env: SandboxNetwork['env']
  readonly mounts: SandboxNetwork['mounts']
  readonly #deps: OneNetworkDeps
  #version = 0
  #attempt: string | null
  #closing: Promise<void> | undefined

  constructor(deps: OneNetworkDeps) {
    const { network, files, services } = deps
    this.#deps = deps
    this.#attempt = deps.owner.attempt
    const attached = attach(network, services)
    this.attachment = attached.sandbox
    this.services = attached.services
    this.env = files.env
    this.mounts = files.mounts
  }

  assign(attempt: string): void {
    if (this.#version > 0) throw new Error('Cannot say whose the network is: something was permitted before')
    this.#attempt = attempt
  }

  async isCurrent(): Promise<boolean> {
    return JSON.stringify(await this.#deps.currentFiles()) === JSON.stringify(this.#deps.files)
  }

  async permit(grant: NetworkGrant): Promise<void> {
    if (this.#closing !== undefined) throw new Error('Cannot permit anything: the network is closed')
    const { gateway, repositories } = this.#deps.parts
    repositories.set(this.id, new Map(Object.entries(grant.repositories ?? {})))
    await gateway.put(this.#config(grant), AbortSignal.timeout(PERMIT_LIMIT_MS))
  }

  async usage(): Promise<ModelUsage> {
    if (this.#version === 0) return NO_USAGE
    try {
      return await this.#deps.parts.gateway.usage(this.id)
    } catch (error) {
      if (error instanceof GatewayRefused) return NO_USAGE
      throw error
    }
  }

  get ledgerFailedAt(): Date | undefined {
    return this.#deps.parts.gateway.ledgerFailedAt
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    const { gateway, pool, repositories } = this.#deps.parts
    repositories.delete(this.id)
    await gateway.remove(this.id)
    await pool.giveBack(this.#deps.network, { again: this.services.length === 0 })
  }

  #config(grant: NetworkGrant): SandboxConfig {
    const { network, limits } = this.#deps
    return {
      id: this.id,
      attempt: this.#attempt,
      phase: grant.phase,
      gatewayAddress: network.gateway,
      sandboxAddress: network.sandbox,
      policyVersion: ++this.#version,
      policy: grant.policy,
      credentials: grant.credentials ?? {},
      ...(grant.model !== undefined && { model: grant.model }),
      repositories: Object.keys(grant.repositories ?? {}),
      limits: limits ?? DEFAULT_SANDBOX_LIMITS,
      seqAfter: 0,
    }
  }
}
