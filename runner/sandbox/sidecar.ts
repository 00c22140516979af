import type { Resources } from '../../domain/environments/limits.ts'
import type { Attachment } from '../network/network.ts'
import type { SandboxOwner } from './sandbox.ts'

export type SidecarSpec = {
  /** Its host name. */
  name: string
  image: string
  owner: SandboxOwner
  env: Readonly<Record<string, string>>
  /** Arguments in place of the image's own. */
  command?: readonly string[]
  resources: Resources
  network: Attachment
}

/** How a sidecar ended. `code` is null when its container went away. */
export type SidecarEnd = { code: number | null; outOfMemory: boolean }

/**
 * The container of a service beside a sandbox, in the sandbox's network and nowhere else. Its image says what runs in it,
 * and is trusted as little as the agent.
 *
 * Order: `start` once, `destroy` at least once.
 */
export interface Sidecar {
  /** The container's name at the engine. */
  readonly container: string
  /** Rejects with AttemptFailure `service-failed` when the engine refuses the image or what it wants to run. */
  start(signal: AbortSignal): Promise<void>
  /** Resolves when it does not run any more. Rejects when the signal aborts. */
  ended(signal: AbortSignal): Promise<void>
  /** How it ended; undefined while it runs. */
  end(): Promise<SidecarEnd | undefined>
  /** The end of what it said, as one line that is safe to show. */
  lastWords(): Promise<string>
  /** Resolves when it holds more of the disk than it may; stays pending otherwise. */
  readonly diskFull: Promise<void>
  /** Kills and removes the container. Safe to call twice. Takes no signal: it has its own deadline. */
  destroy(): Promise<void>
}

export type SidecarFactory = (spec: SidecarSpec) => Sidecar
