// Vocabulary.
// attempt: one sandbox run of a turn. claim: its being taken by a runner; numbered. fence: attempt id + claim number,
// carried by every write of a runner. phase: a step of the run with a limit, a duration and a live log of its own.

export const ATTEMPT_STATES = [
  'queued',
  'preparing',
  'running',
  'collecting',
  'succeeded',
  'failed',
  'cancelled',
] as const
export type AttemptStateName = (typeof ATTEMPT_STATES)[number]

/** Where an attempt may go next. `queued` again only by the reaper: same attempt, next claim number. */
export const NEXT = {
  queued: ['preparing', 'failed', 'cancelled'],
  preparing: ['running', 'failed', 'cancelled', 'queued'],
  running: ['collecting', 'failed', 'cancelled', 'queued'],
  collecting: ['succeeded', 'failed', 'cancelled', 'queued'],
  succeeded: [],
  failed: [],
  cancelled: [],
} as const satisfies Record<AttemptStateName, readonly AttemptStateName[]>

export const LIVE_STATES = ['preparing', 'running', 'collecting'] as const
export const OPEN_STATES = ['queued', ...LIVE_STATES] as const

export const PHASES = ['queue', 'sandbox', 'checkout', 'setup', 'agent', 'collect', 'publish'] as const
export type Phase = (typeof PHASES)[number]
export type PhaseTiming = { phase: Phase; ms: number }

/** Why an attempt failed; closed, so that clients can switch on it. `timed-out` and friends name their phase. */
export type FailureReason =
  | `timed-out:${Phase | 'total'}`
  | `no-output:${Phase}`
  | 'runner-lost'
  | 'sandbox-failed'
  | 'image-unavailable'
  | 'image-without-git'
  | 'image-without-sh'
  | 'out-of-memory'
  | 'disk-full'
  | 'too-many-processes'
  | 'repository-refused'
  | 'repository-not-found'
  | 'repository-auth'
  | 'repository-unavailable'
  | 'push-refused'
  | 'repository-empty'
  | 'branch-not-found'
  | 'repository-uses-lfs'
  | 'checkout-failed'
  | 'setup-failed'
  | 'secret-in-snapshot'
  | 'secrets-unavailable'
  | 'agent-exited'
  | 'agent-unavailable'
  | 'collect-failed'
  | 'diff-too-large'
  | 'tree-refused'
  | 'engine-unavailable'
  | 'network-unavailable'
  | 'service-failed'
  | 'model-unavailable'
  | 'budget-exhausted'
  | 'session-lost'
  | 'internal'

/** The state of an attempt with only what that state has. */
export type AttemptState =
  | { kind: 'queued' }
  | { kind: 'preparing' | 'running' | 'collecting'; runnerId: string; leaseUntil: Date }
  | { kind: 'succeeded'; finishedAt: Date }
  | { kind: 'failed'; finishedAt: Date; reason: FailureReason; message: string }
  | { kind: 'cancelled'; finishedAt: Date }

/** The capability to write about an attempt. A stale one hits no row. */
export type Fence = { attemptId: string; claim: number }

export const PUBLISH_STATES = ['none', 'pending', 'held', 'published', 'failed'] as const
export type PublishState = (typeof PUBLISH_STATES)[number]
export type PublishMode = 'manual' | 'branch' | 'pull-request'

export type TaskMode = 'ask' | 'code' | 'review'
export type DiffStats = { files: number; additions: number; deletions: number }
/** A path that other machines run by themselves, and which kind it is (R2). */
export type FlaggedPath = { path: string; why: string }

export function isOpen(state: AttemptStateName): boolean {
  return (OPEN_STATES as readonly string[]).includes(state)
}
