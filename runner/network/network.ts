import type { Credential, EffectivePolicy, ModelGrant, ModelUsage } from '../../sandbox-policy/control.ts'
import type { NetworkPhase } from '../../sandbox-policy/ledger.ts'
import type { Mount } from '../sandbox/sandbox.ts'

/** How a container is put into its network. */
export type Attachment = {
  network: string
  address: string
  dns: string
  /** Names of others in the network, with their addresses. */
  hosts?: Readonly<Record<string, string>>
}

/** A service as those beside it know it; `port` is absent where nobody said which it is. */
export type NetworkService = { name: string; port?: number }

/** What a sandbox may reach from now on. */
export type NetworkGrant = {
  phase: NetworkPhase
  policy: EffectivePolicy
  credentials?: Readonly<Record<string, Credential>>
  model?: ModelGrant
  /** Names served at `http://git.drydock.internal/NAME`, each a bare repository folder of this host that holds only what the sandbox may see. */
  repositories?: Readonly<Record<string, string>>
}

/**
 * The network of one sandbox: a /29 of its own with nothing in it but the gateway. Nothing passes before `permit`. What
 * stands beside the sandbox reaches it and its like; the gateway answers the sandbox's address only.
 *
 * Order: attach the sandbox, `permit` any number of times, `close` at least once, after all in it is gone.
 */
export interface SandboxNetwork extends AsyncDisposable {
  /** The sandbox's id on the ledger. */
  readonly id: string
  readonly attachment: Attachment
  /** Of the services, in the order in which they were asked for. */
  readonly services: readonly Attachment[]
  /** Where services are; proxy and CA variables, a help for tools: enforcement never depends on them. */
  readonly env: Readonly<Record<string, string>>
  /** CA bundle and trust stores, read-only. */
  readonly mounts: readonly Mount[]
  /** Says whose it is, on the ledger: before the first `permit`, where it was taken for nobody yet. */
  assign(attempt: string): void
  /** Whether a network that is taken now would bring along the same. Rejects when the gateway does not answer. */
  isCurrent(): Promise<boolean>
  /** Resolves when it is in force at the gateway and everything that it no longer allows is closed. */
  permit(grant: NetworkGrant): Promise<void>
  usage(): Promise<ModelUsage>
  /** Since when the ledger cannot be written, so that nothing passes; undefined: it can. */
  readonly ledgerFailedAt: Date | undefined
  /** Closes what is open, waits until the ledger has every record, gives the network back. Safe to call twice. */
  close(): Promise<void>
}

export interface Networks extends AsyncDisposable {
  /**
   * A ready network. Starts the gateway when it does not run. Rejects with AttemptFailure `network-unavailable` when
   * there is no gateway, or when the self-test showed that this engine does not isolate (then no sandbox gets a network).
   */
  take(
    owner: { attempt: string | null; claim: number },
    signal: AbortSignal,
    services?: readonly NetworkService[],
  ): Promise<SandboxNetwork>
}
