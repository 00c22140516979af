import type { Job } from '../../domain/tasks/job.ts'
import type { EventLog } from '../event-log.ts'
import { AttemptFailure } from '../failure.ts'
import { launch } from '../sandbox/run-script.ts'
import type { ExecResult, Sandbox } from '../sandbox/sandbox.ts'
import type { AgentAdapter, AgentRun } from './adapter.ts'
import { listenTo } from './hearing.ts'
import type { AgentProgram } from './program.ts'
import { noted, stopAgent } from './stop-agent.ts'

const GRACE_MS = 10_000

export type AgentInput = {
  sandbox: Sandbox
  adapter: AgentAdapter
  job: Job
  log: Pick<EventLog, 'write'>
  /** Called whenever the agent prints something. */
  heard: () => void
  /** What an agent with a model needs besides. */
  model?: Pick<AgentRun, 'model' | 'gatewayUrl' | 'images' | 'resume'>
  program?: AgentProgram
  /** Variables that win over the environment's: those of the network. */
  variables?: Readonly<Record<string, string>>
  /** Called with the session's id as soon as it is known: a run that is stopped leaves a session, too. */
  onSession?: (sessionId: string) => void
  /** False when the sandbox goes at once: then the agent is not asked to end first. */
  askToEnd?: () => boolean
  /** How long an agent that is asked to end may take. */
  graceMs?: number
}

/** How the agent ended. `answer` is its last message, or for an agent without messages its standard output. */
export type AgentOutcome = { ok: true; answer: string } | { ok: false; answer: string; message: string }

/**
 * Runs the agent to its end and writes what it says to the live log. A failed agent is a value. On abort asks the agent
 * to end, then kills it, writes what it said until then and rejects with the signal's reason: later than the signal by
 * the grace and a few seconds at most. The sandbox must live until it settles.
 */
export async function runAgent(input: AgentInput, signal: AbortSignal): Promise<AgentOutcome> {
  const { sandbox, adapter, job, log, program } = input
  signal.throwIfAborted()
  const { argv, ...rest } = adapter.launch(agentRun(input))
  if (program) {
    const message = `The agent is ${program.id} ${program.version} (sha256 ${program.sha256})`
    await log.write('agent', 'notice', { message })
  }
  const hearing = listenTo(adapter, input)
  const kill = new AbortController()
  const user = job.environment.agentUser
  const spec = {
    ...rest,
    argv: noted(argv),
    user,
    cwd: '/workspace',
    onOutput: hearing.onOutput,
    byKeeper: 'last' as const,
  }
  const running = launch(sandbox, spec, kill.signal)
  let code: number | null = null
  try {
    code = (await endOrStop(input, { running, kill }, signal)).code
  } catch (error) {
    // What it said until it was stopped belongs in the log; why it was stopped comes first.
    await hearing.close({ code }).catch(() => {})
    throw error
  }
  const { answer, end } = await hearing.close({ code })
  if (code === 0 && end?.ok === true) return { ok: true, answer }
  return { ok: false, answer, message: failureMessage(adapter, { code, error: end?.error }) }
}

type Running = { running: Promise<ExecResult>; kill: AbortController }

async function endOrStop(input: AgentInput, { running, kill }: Running, signal: AbortSignal): Promise<ExecResult> {
  const { sandbox, adapter, job, graceMs = GRACE_MS } = input
  let stopping: Promise<void> | undefined
  const stop = () => {
    // The sandbox goes at once: its end would wait for an exec that begins just then.
    if (input.askToEnd?.() === false) return kill.abort(signal.reason)
    const message = `The agent is asked to end (${adapter.stop})${silence(adapter, signal.reason)}`
    input.log.write('agent', 'notice', { message }).catch(() => {})
    const user = job.environment.agentUser
    stopping = stopAgent({ sandbox, user, stop: adapter.stop, running, graceMs })
    void stopping.finally(() => kill.abort(signal.reason))
  }
  if (signal.aborted) stop()
  else signal.addEventListener('abort', stop, { once: true })
  try {
    return await running
  } finally {
    signal.removeEventListener('abort', stop)
    await stopping
    signal.throwIfAborted()
  }
}

function agentRun({ job, model, program, variables }: AgentInput): AgentRun {
  const { task, turn, environment } = job
  return {
    mode: task.mode,
    prompt: turn.prompt,
    cwd: '/workspace',
    home: '/agent-home',
    variables: { ...environment.variables, ...variables },
    ...(environment.agentScript === null ? {} : { script: environment.agentScript }),
    ...(program ? { program: program.argv0 } : {}),
    ...model,
  }
}

/** An agent that says nothing most often waits for an answer. */
function silence({ wire }: Pick<AgentAdapter, 'wire'>, reason: unknown): string {
  const isSilent = reason instanceof AttemptFailure && reason.reason === 'no-output:agent'
  return isSilent && wire !== null ? ': it was silent for too long; its model may not answer' : ''
}

type Failure = { code: number | null; error: string | undefined }

function failureMessage({ id, wire }: Pick<AgentAdapter, 'id' | 'wire'>, { code, error }: Failure): string {
  const how =
    code === null ? 'was killed' : code === 0 ? 'ended without saying that it is done' : `ended with exit code ${code}`
  return `The agent "${id}" ${how}${error ? `: ${error}` : ''}${hintOf(wire, code)}. Its output is in the log.`
}

function hintOf(wire: AgentAdapter['wire'], code: number | null): string {
  if (code !== 127) return ''
  if (wire === null) return ' (a command was not found; without an agent script the prompt itself is the script)'
  return ' (its program does not start in this image: claude and opencode need glibc, as Debian images have it)'
}
