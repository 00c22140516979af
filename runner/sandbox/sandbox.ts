import type { Resources } from '../../domain/environments/limits.ts'
import type { Attachment } from '../network/network.ts'

/** What a breach of a limit is called. The sandbox reports it once; the story stops the work and names it. */
export type Breach = 'out-of-memory' | 'disk-full' | 'too-many-processes'

export type Mount = { host: string; target: string }

/** Who a sandbox is made for: one claim of an attempt, or the build of a snapshot. */
export type SandboxOwner = { installation: string } & ({ attempt: string; claim: number } | { build: string })

export type SandboxSpec = {
  /** Engine image reference: a tag of ours, a snapshot, or what the environment names. */
  image: string
  /** Whose it is. Every container, volume and image of a sandbox carries all of it as labels. */
  owner: SandboxOwner
  resources: Resources
  /** Folders or single files of the host, always read-only. */
  mounts: readonly Mount[]
  /** Without one there is none. */
  network?: Attachment
  /** Variables of every command; a command's own come first. */
  env?: Readonly<Record<string, string>>
  /** Also takes an image without git. */
  gitOptional?: boolean
  /** After this time PID 1 ends by itself: a help only, should runner and sweep both be gone. */
  lifetimeMs: number
}

export type SandboxUser = 'root' | 'agent'

export type ExecSpec = {
  command: readonly string[]
  /** `root` has the few capabilities of package managers; `agent` is uid 1000 with none (R8). */
  user: SandboxUser
  env?: Readonly<Record<string, string>>
  cwd?: string
  /** Sent to standard input, then end of file. Without it standard input is closed. */
  stdin?: Uint8Array | AsyncIterable<Uint8Array>
  /**
   * May be run by the keeper, at once, where the engine takes long to begin a command: only for what comes before anything
   * hostile runs, one after the other. `last`: the keeper serves no more then. It is no more than a hint.
   */
  byKeeper?: 'next' | 'last'
  /** Variables for git, `GIT_*`, that the image or the environment sets are not for it: the keeper leaves them out. */
  closed?: boolean
  /** Called with bytes as they arrive, in order per stream. A returned promise holds the stream back. */
  onOutput?: (stream: 'stdout' | 'stderr', chunk: Buffer) => void | Promise<void>
}

/** How a command ended. `code` is null when the container went away under it. */
export type ExecResult = { code: number | null }

/**
 * One isolated machine without network, unless its specification names one. Sandboxes of different attempts cannot see each other.
 *
 * Order: `start` once, `exec` any number of times (also at once), `destroy` at least once.
 */
export interface Sandbox extends AsyncDisposable {
  /**
   * Creates and starts the container. `/workspace` and `/agent-home` exist, owned by uid 1000; `/drydock` exists, owned
   * by root, mode 0700. Rejects with `image-unavailable` when the image cannot be had, `engine-unavailable` when the
   * engine does not answer; leaves nothing behind when it rejects.
   */
  start(signal: AbortSignal): Promise<void>
  /** Runs a command to its end. A non-zero exit is a result. On abort rejects with the signal's reason at once; the command may live until `killAll` or `destroy`. */
  exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecResult>
  /** Kills every process of the sandbox but PID 1. Afterwards nothing of an earlier exec runs. */
  killAll(signal: AbortSignal): Promise<void>
  /** Its files as a tar archive, as an image of it would have them: without what is mounted. Ends early on abort. */
  files(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>
  /** Those of some absolute paths at which something was made or changed since it was started. */
  changedAmong(paths: readonly string[], signal: AbortSignal): Promise<Set<string>>
  /** Halts it, with all that is in it: nothing runs and nothing is watched until `thaw`. Only while no command runs. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Settles with the first limit that was breached; stays pending while none is. Never rejects. */
  readonly breached: Promise<Breach>
  /** Saves the container's file system as an image under `tag`, with clean config (no env, no entrypoint). Resolves to its id and size. */
  commit(
    tag: string,
    labels: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<{ id: string; sizeBytes: number }>
  /** Kills and removes the container with its anonymous volumes. Safe to call twice, or after a failed `start`. Takes no signal: it has its own deadline. */
  destroy(): Promise<void>
}

export type SandboxFactory = (spec: SandboxSpec) => Sandbox
