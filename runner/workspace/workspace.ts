import { repositoryName } from '../../domain/repositories/repositories.ts'
import type { RepositoryAddress } from '../../domain/repositories/repositories.ts'
import type { DiffStats, FlaggedPath } from '../../domain/tasks/attempt.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import type { NonEmpty } from '../each-in-turn.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'

/** Where things lie inside a sandbox. `/drydock` is root's, mode 0700: the agent can neither read nor write it. */
export const IN_SANDBOX = {
  workspace: '/workspace',
  home: '/agent-home',
  gitDir: '/drydock/git',
  mirrorObjects: '/mirror/objects',
} as const

/** Where one repository lies inside a sandbox; with a name, it is one of several side by side. */
export type Folder = { name?: string; workspace: string; gitDir: string; mirrorObjects: string }

type Repository = RepositoryAddress & { id: string }
export type Placed = { repository: Repository; at: Folder }

/**
 * Where the repositories of an environment lie, the main one first: an only one is /workspace itself, several lie in
 * folders of their names below it.
 */
export function placed(repository: Repository, others: readonly (Repository & { name: string })[]): NonEmpty<Placed> {
  const { workspace, gitDir, mirrorObjects } = IN_SANDBOX
  if (others.length === 0) return [{ repository, at: { workspace, gitDir, mirrorObjects } }]
  const below = (name: string) => ({ name, workspace: `${workspace}/${name}` })
  return [
    { repository, at: { ...below(repositoryName(repository.address)), gitDir, mirrorObjects } },
    ...others.map(({ name, ...other }) => ({
      repository: other,
      at: { ...below(name), gitDir: `/drydock/others/${name}`, mirrorObjects: `/mirror/others/${name}` },
    })),
  ]
}

export type Progress = (stream: 'stdout' | 'stderr', chunk: Buffer) => void | Promise<void>

/** The commit that an attempt starts from, as the host knows it. */
export type Base = { commit: string; branch: string }

/**
 * What the agent left, verified by the host. `patch` is rendered by the host from `tree`, so what people see is what is
 * published. `skipped` are paths that could not be added, each with git's own words.
 */
export type Change = {
  tree: string
  patch: Buffer
  stats: DiffStats
  flagged: FlaggedPath[]
  skipped: string[]
}

/** What a checkout needs of a mirror. It may be kept longer than the view. */
export type CheckoutView = Omit<MirrorView, typeof Symbol.asyncDispose>

export type CheckoutInput = {
  sandbox: Sandbox
  view: CheckoutView
  base: Base
  /** Default: /workspace itself. */
  at?: Folder
  onOutput: Progress
  /** Leaves it for another checkout, before which nothing else runs. */
  leave?: boolean
  /** The one that was left for this one, in this very sandbox. */
  left?: CheckedOut | undefined
}

/** What a checkout came to: all that it depends on, and what it said. */
export type CheckedOut = { state: string; lines: readonly string[] }
export type CollectInput = { sandbox: Sandbox; view: MirrorView; base: Base; at?: Folder; onOutput: Progress }

/** Checks a commit out into /workspace, or into a folder of it. Rejects with AttemptFailure for what a person can act on. */
export type CheckOut = (input: CheckoutInput, signal: AbortSignal) => Promise<CheckedOut>

/** Leaves a checkout in order in which set-up ran. Rejects like `CheckOut`. */
export type Settle = (input: CheckoutInput, signal: AbortSignal) => Promise<void>
/** Collects the change. Rejects with AttemptFailure (`collect-failed`, `diff-too-large`, `tree-refused`). */
export type Collect = (input: CollectInput, signal: AbortSignal) => Promise<Change>
