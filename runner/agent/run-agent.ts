import { CAPS } from '../../domain/environments/limits.ts'
import type { Job } from '../../domain/tasks/job.ts'
import type { EventLog } from '../event-log.ts'
import { launch } from '../sandbox/run-script.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { AgentAdapter, AgentEvent, AgentRun } from './adapter.ts'
import { createLineSplitter } from './lines.ts'

export type AgentInput = {
  sandbox: Sandbox
  adapter: AgentAdapter
  job: Job
  log: EventLog
  /** Called whenever the agent prints something. */
  heard: () => void
}

/** How the agent ended. `answer` is its last message, or for an agent without messages its standard output. */
export type AgentOutcome = { ok: true; answer: string } | { ok: false; answer: string; message: string }

/** Runs the agent to its end and writes what it says to the live log. A failed agent is a value. */
export async function runAgent(
  { sandbox, adapter, job, log, heard }: AgentInput,
  signal: AbortSignal,
): Promise<AgentOutcome> {
  const { argv, env, files } = adapter.launch(agentRun(job))
  const parser = adapter.parser()
  const answer = answerOf()
  let end: Extract<AgentEvent, { t: 'end' }> | undefined

  const take = async (events: readonly AgentEvent[]) => {
    for (const event of events) {
      answer.take(event)
      if (event.t === 'end') end = event
      await writeEvent(log, event)
    }
  }
  const splitters = {
    stdout: createLineSplitter((line) => take(parser.push(line, 'stdout'))),
    stderr: createLineSplitter((line) => take(parser.push(line, 'stderr'))),
  }

  const user = job.environment.agentUser
  const { code } = await launch(
    sandbox,
    {
      argv,
      files,
      user,
      env,
      cwd: '/workspace',
      onOutput: (stream, chunk) => {
        heard()
        return splitters[stream].push(chunk)
      },
    },
    signal,
  )
  await splitters.stdout.close()
  await splitters.stderr.close()
  await take(parser.close({ code }))

  if (code === 0 && end?.ok === true) return { ok: true, answer: answer.text() }
  return { ok: false, answer: answer.text(), message: failureMessage(adapter.id, { code, error: end?.error }) }
}

function agentRun({ task, turn, environment }: Job): AgentRun {
  const script = environment.agentScript === null ? {} : { script: environment.agentScript }
  const { prompt } = turn
  return {
    mode: task.mode,
    prompt,
    cwd: '/workspace',
    home: '/agent-home',
    variables: environment.variables,
    ...script,
  }
}

/** The last message, or all of standard output, within the cap. */
function answerOf() {
  let message: string | undefined
  let output = ''
  return {
    take(event: AgentEvent) {
      if (event.t === 'message') message = event.text
      if (event.t === 'output' && event.stream === 'stdout' && output.length < CAPS.answerBytes)
        output += `${event.text}\n`
    },
    text: () => (message ?? output).slice(0, CAPS.answerBytes).trimEnd(),
  }
}

async function writeEvent(log: EventLog, event: AgentEvent): Promise<void> {
  const { t, ...rest } = event
  if (t === 'output') await log.write('agent', 'output', rest)
  else if (t !== 'end') await log.write('agent', t, rest)
}

function failureMessage(agent: string, { code, error }: { code: number | null; error: string | undefined }): string {
  const how =
    code === null ? 'was killed' : code === 0 ? 'ended without saying that it is done' : `ended with exit code ${code}`
  const hint = code === 127 ? ' (a command was not found; without an agent script the prompt itself is the script)' : ''
  return `The agent "${agent}" ${how}${error ? `: ${error}` : ''}${hint}. Its output is in the log.`
}
