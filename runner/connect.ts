import { dirname } from 'node:path'
import type { MirrorView } from '../forge/mirrors.ts'
import type { Credential, ModelGrant } from '../sandbox-policy/control.ts'
import type { AgentAdapter } from './agent/adapter.ts'
import type { AttemptContext } from './attempt-context.ts'
import { CLOSED, credentialsOf } from './network-plan.ts'
import type { NetworkPlan } from './network-plan.ts'
import type { NetworkGrant, Networks, SandboxNetwork } from './network/network.ts'

export type ConnectDeps = {
  networks: Pick<Networks, 'take'>
  /** What this attempt's phases may reach. */
  networkPlan: NetworkPlan
  readCredentials: (names: readonly string[]) => Promise<Record<string, Credential>>
  /** Rejects with AttemptFailure `model-unavailable` when no provider speaks the agent's wire. */
  modelGrant: (wire: NonNullable<AgentAdapter['wire']>) => Promise<ModelGrant>
  /** A network could not be given back, or its ledger not be stored. */
  onLeftover: (error: unknown) => void
}

type Context = Pick<AttemptContext<ConnectDeps>, 'job' | 'deps' | 'cleanup'>

/** Takes a network for a sandbox that is made after it; it is given back at the attempt's end, after that sandbox. */
export async function connect({ job, deps, cleanup }: Context, signal: AbortSignal): Promise<SandboxNetwork> {
  const network = await deps.networks.take({ attempt: job.attempt.id, claim: job.attempt.claim }, signal)
  cleanup.defer(() => network.close().catch(deps.onLeftover))
  return network
}

/** Says whether the agent's sandbox needs a network: for its own policy, its model, or the maintenance script before it. */
export function needsNetwork({ job, deps }: Pick<Context, 'job' | 'deps'>, agent: AgentAdapter): boolean {
  const { setup, agent: own } = deps.networkPlan
  const maintains = Boolean(job.environment.maintenanceScript)
  return own !== undefined || agent.wire !== null || (maintains && setup !== undefined)
}

/** What set-up and maintenance may reach. */
export async function setupGrant(deps: ConnectDeps): Promise<NetworkGrant> {
  const { setup } = deps.networkPlan
  const credentials = await deps.readCredentials(credentialsOf(setup))
  return { phase: 'setup', policy: setup ?? CLOSED, credentials }
}

/** What the agent's own policy opens: nothing by default. */
export async function ownGrant(deps: ConnectDeps): Promise<NetworkGrant> {
  const { agent } = deps.networkPlan
  return { phase: 'agent', policy: agent ?? CLOSED, credentials: await deps.readCredentials(credentialsOf(agent)) }
}

/** What the agent may reach: its policy, its model, and the repository, read-only, by git. */
export async function agentGrant(
  { job, deps }: Pick<Context, 'job' | 'deps'>,
  { adapter, view }: { adapter: AgentAdapter; view: MirrorView },
): Promise<NetworkGrant> {
  const model = adapter.wire === null ? undefined : await deps.modelGrant(adapter.wire)
  const repositories = { [repositoryName(job.repository.address)]: dirname(view.objects) }
  return { ...(await ownGrant(deps)), ...(model && { model }), repositories }
}

/** The last part of an address, without `.git`: what follows `http://git.drydock.internal/`. */
export function repositoryName(address: string): string {
  const last = address.replace(/\/+$/, '').split(/[/:]/).at(-1) ?? ''
  return last.replace(/\.git$/, '').replace(/[^\w.-]/g, '-') || 'repository'
}
