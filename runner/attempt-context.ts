import type { FailureReason } from '../domain/tasks/attempt.ts'
import type { Job } from '../domain/tasks/job.ts'
import type { MirrorView } from '../forge/mirrors.ts'
import type { AttemptSettings } from './attempt-settings.ts'
import type { CleanupStack } from './cleanup.ts'
import { AttemptFailure } from './failure.ts'
import type { SandboxNetwork } from './network/network.ts'
import { onNetwork } from './network/on-network.ts'
import type { Breach, Mount, Sandbox, SandboxFactory, SandboxSpec } from './sandbox/sandbox.ts'
import type { StopSwitch } from './stop.ts'
import { IN_SANDBOX } from './workspace/workspace.ts'

/** For the agent to end, and for its session to be kept, after its time is up. */
const ENDING_MS = 120_000

/** What the steps of one attempt share. */
export type AttemptContext<Deps> = {
  job: Job
  deps: Deps
  stop: StopSwitch
  cleanup: CleanupStack
  settings: AttemptSettings
}

export type SandboxDeps = {
  installation: string
  createSandbox: SandboxFactory
  /** A sandbox could not be removed: a sweep must follow. What the attempt yielded stands. */
  onSandboxLeft: (error: unknown) => void
}

/**
 * A sandbox of the attempt, not started yet. It is destroyed with the attempt at the latest, also when what it was made
 * for broke off, and the first limit that it breaches stops the attempt.
 */
export function newSandbox(context: AttemptContext<SandboxDeps>, input: SandboxInput): Sandbox {
  const { network } = input
  const { mounts, ...spec } = specWithout(context, input)
  const { attempt } = context.job
  return keepSandbox(
    context,
    context.deps.createSandbox({
      ...spec,
      owner: { installation: context.deps.installation, attempt: attempt.id, claim: attempt.claim },
      ...onNetwork(mounts, network),
    }),
  )
}

/** Makes a sandbox the attempt's: see `newSandbox`. */
export function keepSandbox({ deps, cleanup, stop }: AttemptContext<SandboxDeps>, sandbox: Sandbox): Sandbox {
  cleanup.defer(() => sandbox.destroy().catch(deps.onSandboxLeft))
  void sandbox.breached.then((breach) => stop.stop({ kind: 'failed', failure: breachFailure(breach) }))
  return sandbox
}

export type SandboxInput = {
  ref: string
  view: MirrorView
  /** Absent: no network at all. */
  network?: SandboxNetwork | undefined
  mounts?: readonly Mount[]
}

/** All of a sandbox but whose it is and what its network brings along. */
export function specWithout(
  { settings }: Pick<AttemptContext<unknown>, 'settings'>,
  { ref, view, mounts = [] }: SandboxInput,
): Omit<SandboxSpec, 'owner' | 'network' | 'env'> {
  return {
    image: ref,
    resources: settings.resources,
    mounts: [{ host: view.objects, target: IN_SANDBOX.mirrorObjects }, ...mounts],
    lifetimeMs: settings.limits.totalMs + ENDING_MS + settings.limits.collectMs,
  }
}

const BREACHES: Record<Breach, string> = {
  'out-of-memory':
    'Cannot go on: the sandbox used all of its memory. Raise resources.memoryMiB in the environment, or use less.',
  'disk-full':
    'Cannot go on: the sandbox used all of its disk. Raise resources.diskMiB in the environment, or write less.',
  'too-many-processes':
    'Cannot go on: the sandbox started more processes than it may. Raise resources.pids in the environment, or start fewer.',
}

export const breachFailure = (breach: Breach) => new AttemptFailure(breach satisfies FailureReason, BREACHES[breach])
