import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { AttemptJson, TaskJson } from '../../api/schemas/task.ts'
import type { World } from '../fault/world.ts'
import { git } from '../support/repository.ts'
import type { StubbornClient } from '../support/stubborn-client.ts'
import { ENVIRONMENTS } from './environments.ts'
import type { EnvironmentName } from './environments.ts'

const POLL_MS = 250
/** What does not change for longer is stuck. */
const TASK_LIMIT_MS = 300_000
const ENDED = new Set(['succeeded', 'failed', 'cancelled'])
/** A runner that is killed three times over an attempt ends it. */
const LOST = 'runner-lost'

export type UserDeps = {
  client: StubbornClient
  world: World
  random: () => number
  /** Counts what was done, by name. */
  count: (what: string) => void
  found: (finding: string) => void
}

type Asked = { environment: EnvironmentName; prompt: string; attempts?: number }

/** Does one thing of those that people do, and looks whether what came of it is right. */
export async function doSomething(deps: UserDeps): Promise<void> {
  const dice = deps.random()
  const environment = ENVIRONMENTS[Math.floor(deps.random() * ENVIRONMENTS.length)] ?? 'branch'
  if (dice < 0.2) return cancelOne(deps, environment)
  if (dice < 0.35) return bestOfTwo(deps, environment)
  return oneTask(deps, environment, { followUp: dice < 0.6 })
}

async function oneTask(
  deps: UserDeps,
  environment: EnvironmentName,
  { followUp }: { followUp: boolean },
): Promise<void> {
  const prompts = [promptOf(deps, 'task', 1)]
  const task = await submit(deps, { environment, prompt: prompts[0] ?? '' })
  const done = await ended(deps, task)
  deps.count('tasks')
  if (!done || !isRight(deps, { task: done, environment, prompts })) return
  if (!followUp) return
  const prompt = promptOf(deps, 'follow-up', 1)
  prompts.push(prompt)
  await deps.client.ask((at) => at.send('POST', `/tasks/${task}/turns`, { prompt }))
  const again = await ended(deps, task)
  deps.count('followUps')
  if (again) isRight(deps, { task: again, environment, prompts })
}

async function bestOfTwo(deps: UserDeps, environment: EnvironmentName): Promise<void> {
  const prompt = promptOf(deps, 'best', 1)
  const task = await submit(deps, { environment, prompt, attempts: 2 })
  const done = await ended(deps, task)
  deps.count('bestOf')
  if (done) isRight(deps, { task: done, environment, prompts: [prompt] })
}

async function cancelOne(deps: UserDeps, environment: EnvironmentName): Promise<void> {
  const task = await submit(deps, { environment, prompt: `cancel ${randomBytes(6).toString('hex')} 120` })
  await delay(deps.random() * 4000)
  await deps.client.ask((at) => at.send('POST', `/tasks/${task}/cancel`))
  const done = await ended(deps, task)
  deps.count('cancels')
  if (!done || done.state === 'cancelled' || lastAttempts(done).every(({ reason }) => reason === LOST)) return
  deps.found(`task ${task} was cancelled and ended as ${done.state}`)
}

const promptOf = ({ random }: UserDeps, what: string, seconds: number) =>
  `${what} ${randomBytes(6).toString('hex')} ${(seconds * random()).toFixed(2)}`

/** Under a key: a request whose answer was lost is sent again. */
async function submit({ client }: UserDeps, asked: Asked): Promise<string> {
  const headers = { 'idempotency-key': randomBytes(8).toString('hex') }
  const text = await client.ask((at) => at.send('POST', '/tasks', { mode: 'code', ...asked }, headers))
  return (JSON.parse(text) as TaskJson).id
}

/** The task at its end, publishing included; undefined when it is stuck, which is a finding. */
async function ended({ client, found }: UserDeps, id: string): Promise<TaskJson | undefined> {
  let [seen, seenAt] = ['', performance.now()]
  for (;;) {
    const task = JSON.parse(await client.ask((at) => at.send('GET', `/tasks/${id}`))) as TaskJson
    const isOver = lastAttempts(task).every(({ state, publish }) => ENDED.has(state) && publish.state !== 'pending')
    if (isOver && ENDED.has(task.state)) return task
    // Whose runner was killed begins anew: that is no standstill.
    const now = JSON.stringify(lastAttempts(task).map(({ state, startedAt, publish }) => [state, startedAt, publish]))
    if (now !== seen) [seen, seenAt] = [now, performance.now()]
    if (performance.now() - seenAt > TASK_LIMIT_MS) {
      found(`task ${id} is stuck as ${task.state}`)
      return undefined
    }
    await delay(POLL_MS)
  }
}

const lastAttempts = (task: TaskJson): readonly AttemptJson[] => task.turns.at(-1)?.attempts ?? []

type Ended = { task: TaskJson; environment: EnvironmentName; prompts: readonly string[] }

/** Whether every attempt of the last turn is a branch with just the change that was asked for. */
function isRight({ world, found }: UserDeps, { task, environment, prompts }: Ended): boolean {
  const bare = environment === 'pull-request' ? world.forgeOrigin : world.origin
  const faults = lastAttempts(task).flatMap((attempt) => {
    if (attempt.state === 'failed' && attempt.reason === LOST) return []
    if (attempt.state !== 'succeeded') return [`ended as ${attempt.state}: ${attempt.reason} ${attempt.message}`]
    const { branch, commit, publish } = attempt
    // Of several attempts nobody has chosen one yet.
    if (publish.state === 'none' && lastAttempts(task).length > 1) return []
    if (publish.state !== 'published' || branch === null || commit === null) return [`publishing is ${publish.state}`]
    return wrongBranch(bare, { branch, commit, prompts })
  })
  for (const fault of faults) found(`task ${task.id} in ${environment}: ${fault}`)
  return faults.length === 0 && lastAttempts(task).every(({ state }) => state === 'succeeded')
}

function wrongBranch(
  bare: string,
  { branch, commit, prompts }: { branch: string; commit: string; prompts: readonly string[] },
): string[] {
  try {
    const at = git(bare, 'rev-parse', branch)
    const text = git(bare, 'show', `${commit}:result.txt`)
    if (at !== commit) return [`branch ${branch} is at ${at}, not at ${commit}`]
    return text === prompts.join('\n') ? [] : [`branch ${branch} holds ${JSON.stringify(text)}`]
  } catch (error) {
    return [`branch ${branch} cannot be read: ${String(error)}`]
  }
}
