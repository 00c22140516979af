import type { NetworkEngine } from './network-engine.ts'
import type { SandboxFactory } from './sandbox.ts'
import type { SidecarFactory } from './sidecar.ts'

// Vocabulary.
// owned: carries the label of this installation. service: a container of ours that outlives attempts (the database).
// sidecar: the container of a service that an environment declares; it goes with its sandbox.

/**
 * Labels on everything that Drydock makes. `attempt` and `claim` are on what belongs to one sandbox run, `build` on what
 * belongs to the build of a snapshot, and on the snapshot.
 */
export const LABELS = {
  installation: 'drydock.installation',
  attempt: 'drydock.attempt',
  claim: 'drydock.claim',
  build: 'drydock.build',
  /** Of a container for one command: the process that waits for it. */
  helper: 'drydock.helper',
  kind: 'drydock.kind',
} as const

export type Labels = Readonly<Record<string, string>>

/** An image as the engine has it. `id` is its digest; `tcpPorts` are those that it exposes, where there are some. */
export type ImageInfo = { id: string; sizeBytes: number; tcpPorts?: readonly number[] }

/** The repository of images that are others without their volumes. */
export const PLAIN_REPOSITORY = 'drydock/without-volumes'

/** A tag, and when somebody used it last. */
export type TaggedImage = { ref: string; usedAt: Date }

/** Something at the engine with our label. `attempt` and `claim` are absent on services and snapshots. */
export type Owned = {
  type: 'container' | 'network' | 'volume' | 'image'
  id: string
  name: string
  /** `drydock.kind`: sandbox, sidecar, service, snapshot… */
  kind: string
  attempt?: string
  claim?: number
  build?: string
  /** A helper that no process waits for any more. */
  isOrphan?: boolean
}

export type ServiceSpec = {
  name: string
  image: string
  labels: Labels
  env?: Readonly<Record<string, string>>
  command?: readonly string[]
  volumes?: readonly { name: string; target: string }[]
  binds?: readonly { host: string; target: string; readOnly: boolean }[]
  /**
   * `none`; ports of the container published on a free port of 127.0.0.1; networks with fixed addresses, the first one
   * the way out; or the network of another container.
   */
  network: 'none' | { loopbackPorts: readonly number[] } | { attached: readonly Attached[] } | { container: string }
  /** Without: the engine restarts it when it ends by itself, the root file system is writable, the image's user. */
  hardened?: Hardening
  shmMiB?: number
  memoryMiB?: number
  /** Its part of the processors when they are short; containers have 1024 by default. */
  cpuShares?: number
}

/** A network that a service is in. The bridge's own address is not to be had. */
export type Attached = { name: string; address: string }

/** Read-only root, no capability, no new privileges, no restart by the engine. */
export type Hardening = {
  /** `uid:gid`. */
  user: string
  /** Absent: the image's. */
  entrypoint?: readonly string[]
  sysctls?: Readonly<Record<string, string>>
  /** Folders in memory. */
  tmpfs?: readonly string[]
  pids: number
}

export type ServiceInfo = {
  id: string
  name: string
  /** Image id that it runs. */
  image: string
  running: boolean
  /** When it was last started. */
  startedAt: Date
  /** The image's health check; `none` when it has none. */
  health: 'none' | 'starting' | 'healthy' | 'unhealthy'
  exitCode: number
  labels: Labels
  /** Container port → port on 127.0.0.1. */
  ports: ReadonlyMap<number, number>
}

/** A line of progress of a pull, for people. */
export type PullProgress = (line: string) => void

/**
 * One Docker engine. Every method rejects with `engine-unavailable` when the engine does not answer, and with
 * `internal` when it refuses for a reason that the method does not name.
 */
export interface Engine extends NetworkEngine, AsyncDisposable {
  createSandbox: SandboxFactory
  createSidecar: SidecarFactory
  ping(signal: AbortSignal): Promise<void>
  /** Undefined when the engine does not have the image; never pulls. */
  imageInfo(ref: string): Promise<ImageInfo | undefined>
  /** Rejects with AttemptFailure `image-unavailable`. Only for images that are not ours. */
  pull(ref: string, signal: AbortSignal, onProgress?: PullProgress): Promise<void>
  /** Removes a tag, and the image when it was the last. True when gone, false when a container still uses it. */
  removeImage(ref: string): Promise<boolean>
  /** Notes that a tag is used, for all processes at this engine. One that is not there is no error. */
  touchImage(ref: string): Promise<void>
  /**
   * The tags of some repositories, or those of an installation that stand for others without their volumes. One of which
   * the engine does not know when it was used is left out, and used by that.
   */
  taggedImages(of: { repositories: readonly string[] } | { plainOf: string }): Promise<TaggedImage[]>

  /** Everything with the label of the installation. */
  listOwned(installation: string): Promise<Owned[]>
  /** Everything with a label of that name, with all its labels. */
  listLabelled(label: string): Promise<(Owned & { labels: Labels })[]>
  /** Removes one thing by force; one that is gone already is success. */
  removeOwned(owned: Pick<Owned, 'type' | 'id'>): Promise<void>

  /** Creates and starts a service container; named volumes are made as needed, with the same labels. Rejects with `name-taken` when the name exists. */
  runService(spec: ServiceSpec, signal: AbortSignal): Promise<ServiceInfo>
  inspectService(name: string): Promise<ServiceInfo | undefined>
  /** Starts a stopped service; success when it runs already. */
  startService(name: string): Promise<void>
  /** Ends it at once, should it run, and starts it. */
  restartService(name: string): Promise<void>
  /** Resolves when it does not run, at once when there is none; rejects when the signal aborts. */
  waitService(name: string, signal: AbortSignal): Promise<void>
  /** Last lines of its log, for an error message. */
  serviceLog(name: string, lines: number): Promise<string>
  /** Stops and removes it, at once where it need not be asked. Named volumes stay. */
  removeService(name: string, options?: { atOnce: boolean }): Promise<void>
  removeVolume(name: string): Promise<void>
}
