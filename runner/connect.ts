import { repositoryName } from '../domain/repositories/repositories.ts'
import { exclusive } from '../forge/exclusive.ts'
import type { MirrorView } from '../forge/mirrors.ts'
import type { Credential, ModelGrant } from '../sandbox-policy/control.ts'
import type { AgentAdapter } from './agent/adapter.ts'
import type { AttemptContext } from './attempt-context.ts'
import type { Checkouts } from './checkouts.ts'
import type { CleanupStack } from './cleanup.ts'
import { untilAborted } from './sandbox/aborted.ts'
import { CLOSED, credentialsOf } from './network-plan.ts'
import type { LivePlan } from './live-plan.ts'
import type { NetworkPlan } from './network-plan.ts'
import type { NetworkGrant, Networks, NetworkService, SandboxNetwork } from './network/network.ts'

export type ConnectDeps = {
  networks: Pick<Networks, 'take'>
  /** What this attempt's phases may reach. */
  plan: LivePlan
  readCredentials: (names: readonly string[]) => Promise<Record<string, Credential>>
  /** Rejects with AttemptFailure `model-unavailable` when no provider speaks the agent's wire. */
  modelGrant: (wire: NonNullable<AgentAdapter['wire']>) => Promise<ModelGrant>
  /** A bare repository of what a view shows, for agents to fetch from; `name`: of one of several. Removed with `remove`. */
  serveView: (view: MirrorView, name?: string) => Promise<{ folder: string; remove: () => Promise<void> }>
  /** A network could not be given back, or its ledger not be stored. */
  onLeftover: (error: unknown) => void
}

type Context = Pick<AttemptContext<ConnectDeps>, 'job' | 'deps' | 'cleanup'>

/** What to permit under a plan. */
export type GrantOf = (plan: NetworkPlan) => Promise<NetworkGrant>

/** A network whose grant follows the plan. */
export type Connection = {
  network: SandboxNetwork
  /** Puts a grant in force, and keeps it up to date with the plan until the next one. */
  permit: (grantOf: GrantOf) => Promise<void>
  /** Lets nothing pass until the next `permit`. */
  shut: () => Promise<void>
  /** Never rejects: what could not be given back is swept later. */
  close: () => Promise<void>
}

/** For whom: an owner as `domain/ledger/owner.ts` has them; without one nobody's ledger has what is asked of it. */
export type ConnectContext = {
  job: { attempt: { id: string | null; claim: number } }
  deps: Pick<ConnectDeps, 'networks' | 'plan' | 'onLeftover'>
  cleanup: CleanupStack
}

/**
 * Takes a network for a sandbox that is made after it, or the one that a sandbox has; it is given back at the attempt's
 * end, after that sandbox.
 */
export async function connect(
  { job, deps, cleanup }: ConnectContext,
  { taken, services }: { taken?: SandboxNetwork; services?: readonly NetworkService[] },
  signal: AbortSignal,
): Promise<Connection> {
  const owner = { attempt: job.attempt.id, claim: job.attempt.claim }
  const giveBack = (late: SandboxNetwork) => void late.close().catch(deps.onLeftover)
  const network = taken ?? (await untilAborted(deps.networks.take(owner, signal, services), signal, giveBack))
  let wanted: GrantOf | undefined
  let phase: NetworkGrant['phase'] = 'setup'
  // One after the other: the later grant is the one that stays.
  const grants = exclusive()
  const apply = async () => {
    if (wanted === undefined) return
    const grant = await wanted(deps.plan.current)
    phase = grant.phase
    await network.permit(grant)
  }
  /** What was narrowed must not stay open because something else of the grant cannot be had. */
  const applyOrClose = async () => {
    try {
      await apply()
    } catch (error) {
      await network.permit({ phase, policy: CLOSED })
      throw error
    }
  }
  const unfollow = deps.plan.follow(() => grants.run(applyOrClose))
  let closing: Promise<void> | undefined
  const closeNow = async () => {
    unfollow()
    wanted = undefined
    await grants.settled()
    await network.close().catch(deps.onLeftover)
  }
  const close = () => (closing ??= closeNow())
  cleanup.defer(close)
  return {
    network,
    permit: (grantOf) => {
      wanted = grantOf
      return grants.run(apply)
    },
    shut: () => {
      wanted = async () => ({ phase, policy: CLOSED })
      return grants.run(apply)
    },
    close,
  }
}

/** Says whether the agent's sandbox needs a network: for its own policy, its model, its services, or the maintenance script before it. */
export function needsNetwork({ job, deps }: Pick<Context, 'job' | 'deps'>, agent: AgentAdapter): boolean {
  const { setup, agent: own } = deps.plan.current
  const { maintenanceScript, services } = job.environment
  const maintains = Boolean(maintenanceScript) && setup !== undefined
  return own !== undefined || agent.wire !== null || maintains || services.length > 0
}

/** What set-up and maintenance may reach. */
export const setupGrant =
  (deps: Pick<ConnectDeps, 'readCredentials'>): GrantOf =>
  async ({ setup }) => ({
    phase: 'setup',
    policy: setup ?? CLOSED,
    credentials: await deps.readCredentials(credentialsOf(setup)),
  })

/** What the agent's own policy opens: nothing by default. */
export const ownGrant =
  (deps: ConnectDeps): GrantOf =>
  async ({ agent }) => ({
    phase: 'agent',
    policy: agent ?? CLOSED,
    credentials: await deps.readCredentials(credentialsOf(agent)),
  })

/** What the agent may reach: its policy, its model, and the repositories, read-only, by git. */
export async function agentGrant(
  { deps, cleanup }: Context,
  { adapter, checkouts }: { adapter: AgentAdapter; checkouts: Checkouts },
): Promise<GrantOf> {
  const { wire } = adapter
  const repositories: Record<string, string> = {}
  for (const { view, at, repository } of checkouts) {
    const served = await deps.serveView(view, at.name)
    cleanup.defer(served.remove)
    // What follows `http://git.drydock.internal/`.
    repositories[at.name ?? repositoryName(repository.address)] = served.folder
  }
  return async (plan) => {
    // Anew each time: a provider may have been changed, or taken away, since the agent began.
    const model = wire === null ? undefined : await deps.modelGrant(wire)
    return { ...(await ownGrant(deps)(plan)), ...(model && { model }), repositories }
  }
}
