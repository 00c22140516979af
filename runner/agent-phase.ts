import type { AgentAdapter, AgentRun } from './agent/adapter.ts'
import type { AgentProgram } from './agent/program.ts'
import { runAgent } from './agent/run-agent.ts'
import type { AgentOutcome } from './agent/run-agent.ts'
import { breachFailure } from './attempt-context.ts'
import type { AttemptContext } from './attempt-context.ts'
import type { Checkouts } from './checkouts.ts'
import { agentGrant } from './connect.ts'
import type { ConnectDeps, Connection } from './connect.ts'
import type { EventLog } from './event-log.ts'
import { AttemptFailure } from './failure.ts'
import { periodically } from './periodically.ts'
import type { Phases } from './phases.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { MODEL_HOST } from '../sandbox-policy/control.ts'
import type { ModelUsage } from '../sandbox-policy/control.ts'

const SESSION_LIMIT_MS = 30_000
const KILL_MS = 10_000
const ACCOUNT_EVERY_MS = 5000

/** An agent that can run; with a program, where it is not a script. */
export type ReadyAgent = { adapter: AgentAdapter; program?: AgentProgram }

export type AgentDeps = ConnectDeps & {
  log: EventLog
  phases: Phases
  recordUsage: (usage: ModelUsage) => Promise<void>
  readImages: () => Promise<AgentRun['images']>
  /** The agent has said something, or will not any more: the start is over. */
  onStarted: () => void
  /** Keeps the conversation, so that a follow-up can go on with it. Never rejects: the change matters more. */
  keepSession: (input: { sandbox: Sandbox; agent: ReadyAgent; sessionId: string }, signal: AbortSignal) => Promise<void>
}

/** Where the agent works. */
export type Place = {
  sandbox: Sandbox
  connection: Connection | undefined
  checkouts: Checkouts
  agent: ReadyAgent
  /** The conversation that the agent goes on with. */
  resume?: { sessionId: string } | undefined
}

type Context = AttemptContext<AgentDeps>

/**
 * Runs the agent to its end and accounts for its model. Resolves to its answer, rejects with AttemptFailure. A limit of the
 * whole attempt or of its sandbox that is reached aborts `breach`: the agent is ended, and the sandbox still stands.
 */
export async function runAgentPhase(context: Context, place: Place, breach: AbortSignal): Promise<string> {
  const { deps, settings } = context
  const { connection, agent, checkouts } = place
  if (connection) await connection.permit(await agentGrant(context, { adapter: agent.adapter, checkouts }))
  const { agentMs, noOutputMs } = settings.limits
  let sessionId: string | undefined
  let running: Promise<unknown> = Promise.resolve()
  const over = new AbortController()
  // So that a runner that is killed does not take along what was used: the next claim goes on with what is left.
  const work = () => account(context, place)
  void periodically({ everyMs: ACCOUNT_EVERY_MS, work, onError: deps.onLeftover }, over.signal)
  try {
    const input = await inputOf(context, place)
    const outcome = await deps.phases.run({ phase: 'agent', limitMs: agentMs, noOutputMs }, ({ signal, heard }) => {
      const run = runAgent(
        {
          ...input,
          heard: () => (deps.onStarted(), heard()),
          askToEnd: () => !context.stop.signal.aborted && !isOfSandbox(breach),
          onSession: (id) => (sessionId = id),
        },
        AbortSignal.any([signal, breach]),
      )
      running = run
      return run
    })
    return await mustSucceed(context, { place, outcome })
  } finally {
    over.abort()
    // What breaks a limit of the sandbox is not given time to go on.
    if (isOfSandbox(breach)) await place.sandbox.killAll(AbortSignal.timeout(KILL_MS)).catch(() => undefined)
    // An agent whose time is up is asked to end, and what it writes then counts. One that was stopped is not waited for.
    if (!context.stop.signal.aborted) await running.catch(() => undefined)
    await account(context, place)
    if (sessionId !== undefined) await keepSession(context, { ...place, sessionId })
  }
}

/** Whether it is a limit of the sandbox that was reached, rather than that of the attempt's time. */
const isOfSandbox = ({ aborted, reason }: AbortSignal) =>
  aborted && !(reason instanceof AttemptFailure && reason.reason === 'timed-out:total')

async function inputOf({ job, deps }: Context, { sandbox, connection, agent, resume }: Place) {
  const { model } = job.environment
  const images = await deps.readImages()
  return {
    sandbox,
    adapter: agent.adapter,
    job,
    log: deps.log,
    ...(agent.program && { program: agent.program }),
    ...(connection && { variables: connection.network.env }),
    model: {
      gatewayUrl: `http://${MODEL_HOST}/v1`,
      ...(model !== null && { model }),
      ...(images && { images }),
      ...(resume && { resume }),
    },
  }
}

/** Also of an agent that failed: the next turn may go on from there. Not of one that was stopped: its time is up. */
async function keepSession({ deps, stop }: Context, { sandbox, agent, sessionId }: Place & { sessionId: string }) {
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(SESSION_LIMIT_MS)])
  if (!stop.signal.aborted) await deps.keepSession({ sandbox, agent, sessionId }, signal)
}

/** A sandbox looks at its limits before it reports a failed command, so a breach that caused it is known by now. */
async function mustSucceed(
  { deps }: Context,
  { place, outcome }: { place: Place; outcome: AgentOutcome },
): Promise<string> {
  if (outcome.ok) return outcome.answer
  const { sandbox, connection } = place
  const now = new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined)))
  const breach = await Promise.race([sandbox.breached, now])
  if (breach) throw breachFailure(breach)
  // A gateway that cannot say it just now is no reason to lose the agent's own failure, and with it the change.
  const usage = await connection?.network.usage().catch(deps.onLeftover)
  if (usage?.exhausted) throw new AttemptFailure('budget-exhausted', budgetSentence(usage))
  if (connection?.network.ledgerFailedAt) throw new AttemptFailure('network-unavailable', LEDGER_SENTENCE)
  throw new AttemptFailure('agent-exited', outcome.message)
}

const LEDGER_SENTENCE =
  'Cannot go on: the ledger cannot be written, so nothing passes the gateway. An administrator must make room on its disk.'

const budgetSentence = ({ inputTokens, outputTokens }: ModelUsage) =>
  `Cannot go on: the token budget of this attempt is used up (${inputTokens} in, ${outputTokens} out). What the agent changed until then is kept. Raise the budget in the environment, or give a smaller task.`

/** Counts what the model was used for, however the agent ended. */
async function account({ deps }: Context, { connection }: Place): Promise<void> {
  const usage = await connection?.network.usage().catch(deps.onLeftover)
  if (usage && usage.requests > 0) await deps.recordUsage(usage).catch(deps.onLeftover)
}
