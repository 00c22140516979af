import type { Logger } from 'pino'
import type { Db, SqlClient } from '../domain/db.ts'
import type { RepositoryAddress } from '../domain/repositories/repositories.ts'
import type { ForgetOptions } from '../forge/forget-trees.ts'
import type { Forge } from '../forge/forge.ts'
import type { RunGit } from '../forge/git.ts'
import type { Mirrors, Remote } from '../forge/mirrors.ts'
import type { Keyring } from '../domain/secrets/keyring.ts'
import type { ReadyAgent } from './agent-phase.ts'
import type { WorkspacePolicy } from './network-plan.ts'
import type { Networks } from './network/network.ts'
import type { ImageDeps } from './environment/image.ts'
import type { Engine } from './sandbox/engine.ts'
import type { Bounds } from './warm/sizing.ts'
import type { CheckOut, Collect, Settle } from './workspace/workspace.ts'

/** All that a runner works with; composed in `bin/serve.ts`. */
export type RunnerDeps = {
  db: Db
  /** Connections of their own: what is held is not lost because much waits to be written, or to be read by people. */
  leaseDb: Db
  client: SqlClient
  engine: Engine
  mirrors: Mirrors
  /** Removes what the mirrors' stores have of changes, by their trees. */
  forgetTrees: (trees: ReadonlySet<string>, keepsAny: ForgetOptions['keepsAny']) => Promise<void>
  /** Keeps git quick in stores that have many packs. */
  gatherPacks: () => Promise<void>
  /** Host git, for reading what the mirrors hold. */
  git: RunGit
  /** Identifies the data folder: labels carry it, and claims of this host begin with it. */
  hostId: string
  capacity: number
  /** How many sandboxes wait for tasks. */
  warmBounds: Bounds
  logger: Logger
  /** An agent, its program installed on first use. Rejects with AttemptFailure `agent-unavailable`. */
  readyAgent: (id: string, onProgress: (line: string) => void, signal: AbortSignal) => Promise<ReadyAgent>
  networks: Networks
  /** The administrators' ceiling and deny list, as of this moment. */
  workspacePolicy: () => WorkspacePolicy
  keyring: Keyring
  /** Holds what sandboxes fetch from by git, while they may. */
  servedFolder: string
  /** What is free on the engine's disk; undefined where that cannot be told. */
  freeBytes?: () => Promise<number | undefined>
  images: Pick<ImageDeps, 'ownImage' | 'allowedRegistries'>
  /** The tags of our images that this server works with. */
  ownTags: () => Promise<readonly string[]>
  checkOut: CheckOut
  settle: Settle
  collect: Collect
  remoteOf: (repository: RepositoryAddress) => Promise<Remote>
  forgeOf: (repository: RepositoryAddress) => Forge | undefined
  /** Where people see a task; undefined when the server has no public address. */
  taskUrl: (taskId: string) => string | undefined
  engineAnswers: () => Promise<boolean>
}
