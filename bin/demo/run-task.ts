import type { NewEnvironmentJson } from '../../api/schemas/environment.ts'
import type { TaskJson } from '../../api/schemas/task.ts'
import { createClient } from '../../cli/client.ts'
import type { Client } from '../../cli/client.ts'
import type { CliContext } from '../../cli/context.ts'
import { say } from '../../cli/context.ts'
import { CliError } from '../../cli/errors.ts'
import { lastAttempts } from '../../cli/attempts.ts'
import { watchTask } from '../../cli/live.ts'
import type { Place } from './place.ts'
import type { DemoPlan } from './plan.ts'

const ENVIRONMENT = 'demo'
const OPEN = ['queued', 'preparing', 'running', 'collecting']

/** Runs the demo's one task on a server and shows it live. A task that is interrupted is cancelled. */
export async function runDemoTask(
  { plan, place }: { plan: DemoPlan; place: Place },
  context: CliContext,
): Promise<{ task: TaskJson; patch: Uint8Array }> {
  const client = await createClient(context)
  await cancelLeftovers(client)
  if (plan.provider) await saveProvider(client, plan.provider)
  const environment = await saveEnvironment(client, environmentOf(plan, place))
  const branch = place.branch === 'HEAD' ? {} : { branch: place.branch }
  const task = await client.createTask({ environment: environment.id, mode: 'code', prompt: plan.prompt, ...branch })
  say(context, `Task ${task.id}: ${task.title}`)
  try {
    const ended = await watchTask(client, task, context)
    const [attempt] = lastAttempts(ended)
    const hasDiff = attempt !== undefined && (attempt.diff?.files ?? 0) > 0
    return { task: ended, patch: hasDiff ? await client.readPatch(attempt.id) : new Uint8Array() }
  } catch (error) {
    if (context.signal.aborted) {
      say(context, '\nCancelling …')
      const own = await createClient({ ...context, signal: AbortSignal.timeout(10_000) })
      await own.cancelTask(task.id).catch(() => undefined)
    }
    throw error
  }
}

/** What a demo that was killed has left in the queue. */
async function cancelLeftovers(client: Client): Promise<void> {
  for (const state of OPEN) {
    const { data } = await client.listTasks({ state })
    for (const { id } of data) await client.cancelTask(id).catch(() => undefined)
  }
}

function environmentOf(plan: DemoPlan, place: Place): NewEnvironmentJson {
  return {
    name: ENVIRONMENT,
    repository: place.origin,
    description: 'Made by the demo',
    image: plan.image,
    agent: plan.agent,
    agentScript: plan.agentScript,
    policy: plan.policy,
    ...(plan.model !== null && { model: plan.model }),
    publish: 'branch',
    // Nobody's machine runs what is in a copy that is the demo's own.
    holdFlagged: plan.push,
  }
}

async function saveEnvironment(client: Client, body: NewEnvironmentJson) {
  try {
    return await client.createEnvironment(body)
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'name-taken') throw error
    return client.updateEnvironment(ENVIRONMENT, body)
  }
}

/** Whoever runs the demo owns this machine: a provider may be on it, or near it. */
async function saveProvider(client: Client, { wire, url, key }: NonNullable<DemoPlan['provider']>): Promise<void> {
  const settings = { baseUrl: url, key, internal: true, isDefault: true }
  const name = `demo-${wire}`
  try {
    await client.createProvider({ name, wire, ...settings })
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'name-taken') throw error
    await client.updateProvider(name, settings)
  }
}
