import type { SqlClient } from '../../domain/db.ts'
import { git } from '../support/repository.ts'
import type { Order } from './load.ts'

export type Attempt = {
  id: string
  task_id: string
  environment: string
  prompt: string
  state: string
  reason: string | null
  claim: number
  lost: number
  commit: string | null
  branch: string | null
  publish_state: string
  publish_reason: string | null
  pull_number: number | null
}

export type Pull = { number: number; head: { ref: string; sha: string } }
export type Outside = { origin: string; forgeOrigin: string; pulls: readonly Pull[] }

/** Nothing that the load asks for can fail by itself, so this is the only way in which one may. */
const EXPECTED_FAILURES = ['runner-lost']

export function readAttempts(client: SqlClient): Promise<Attempt[]> {
  return client<Attempt[]>`
    select a.id, a.task_id, e.name as environment, t.prompt, a.state, a.reason, a.claim, a.lost, a.commit, a.branch,
      a.publish_state, a.publish_reason, p.number as pull_number
    from attempts a join environments e on e.id = a.environment_id join turns t on t.id = a.turn_id
    left join pull_requests p on p.attempt_id = a.id order by a.created_at`
}

/** Orders without a task of their own, and tasks that nobody ordered or that were made twice. */
export function wrongTasks(orders: readonly Order[], attempts: readonly Attempt[]): string[] {
  const ordered = new Map(orders.map((order) => [order.prompt, order]))
  const found = attempts.flatMap(({ task_id: task, prompt }) => {
    const order = ordered.get(prompt)
    if (order === undefined) return [`task ${task} was never asked for, or was made twice`]
    ordered.delete(prompt)
    return order.taskId === task ? [] : [`task ${task} is known to its client as ${order.taskId}`]
  })
  return [...found, ...[...ordered.values()].map(({ taskId }) => `task ${taskId} was promised and does not exist`)]
}

/** Attempts whose end is not a true one, seen from the origins and the forge. */
export function wrongAttempts(attempts: readonly Attempt[], outside: Outside): string[] {
  return attempts.flatMap((attempt) => {
    const name = `attempt ${attempt.id}`
    if (attempt.state === 'succeeded') return wrongSuccess(attempt, outside).map((fault) => `${name}: ${fault}`)
    if (attempt.state !== 'failed') return [`${name} ended as ${attempt.state}`]
    return EXPECTED_FAILURES.includes(attempt.reason ?? '') ? [] : [`${name} failed with ${attempt.reason}`]
  })
}

function wrongSuccess(attempt: Attempt, { origin, forgeOrigin, pulls }: Outside): string[] {
  const { branch, commit, prompt } = attempt
  const isPull = attempt.environment === 'pull-request'
  if (attempt.publish_state !== 'published' || branch === null || commit === null)
    return [`its publishing is ${attempt.publish_state} (${attempt.publish_reason})`]
  const bare = isPull ? forgeOrigin : origin
  const found: string[] = []
  if (branches(bare).get(branch) !== commit) found.push(`branch ${branch} is not at commit ${commit}`)
  else if (git(bare, 'show', `${commit}:result.txt`) !== prompt)
    found.push(`commit ${commit} is not what the agent did`)
  const own = pulls.filter(({ head }) => head.ref === branch)
  const expected = isPull ? 1 : 0
  if (own.length !== expected) found.push(`${own.length} pull requests, and ${expected} are right`)
  if (isPull && own[0]?.number !== attempt.pull_number) found.push('its pull request is recorded under another number')
  return found
}

/** Branches and pull requests that belong to no succeeded attempt. */
export function strays(attempts: readonly Attempt[], { origin, forgeOrigin, pulls }: Outside): string[] {
  const succeeded = attempts.filter(({ state }) => state === 'succeeded')
  const known = new Set(succeeded.map(({ branch }) => branch))
  const made = [...branches(origin).keys(), ...branches(forgeOrigin).keys()]
  const counted = new Map<string, number>()
  for (const branch of made) counted.set(branch, (counted.get(branch) ?? 0) + 1)
  return [
    ...made.filter((branch) => !known.has(branch)).map((branch) => `branch ${branch} belongs to no succeeded task`),
    ...[...counted].filter(([, count]) => count > 1).map(([branch]) => `branch ${branch} is in both origins`),
    ...pulls
      .filter(({ head }) => !known.has(head.ref))
      .map(({ number }) => `pull request ${number} belongs to no task`),
  ]
}

/** The branches of a bare repository, `main` aside. */
function branches(bare: string): Map<string, string> {
  const listed = git(bare, 'for-each-ref', '--format=%(refname:short) %(objectname)', 'refs/heads')
  const pairs = listed.split('\n').map((line) => line.split(' ') as [string, string])
  return new Map(pairs.filter(([name]) => name !== 'main' && name !== ''))
}

/** Tasks that are in another state than their one attempt. */
export async function wrongStates(client: SqlClient): Promise<string[]> {
  const rows = await client<{ fault: string }[]>`
    select 'task ' || t.id || ' is ' || t.state || ' and its attempt ' || a.state as fault
    from tasks t join attempts a on a.task_id = t.id where a.state <> t.state`
  return rows.map(({ fault }) => fault)
}

/** What the database contradicts itself in, once every Code task is at its end. */
export async function wrongRows(client: SqlClient): Promise<string[]> {
  const rows = await client<{ fault: string }[]>`
    select 'the events of task ' || h.task_id || ' have gaps' as fault
    from task_event_heads h left join events e using (task_id)
    group by h.task_id, h.last_seq having count(e.seq) <> h.last_seq or coalesce(max(e.seq), 0) <> h.last_seq
    union all select 'user ' || user_id || ' still counts as busy' from user_load where queued <> 0 or running <> 0
    union all select 'an attempt of user ' || user_id || ' was never counted' from load_arrivals
    union all select 'environment ' || environment_id || ' still counts as busy' from environment_load
      where queued <> 0 or running <> 0
    union all select 'attempt ' || a.id || ' succeeded without a diff'
      from attempts a left join diffs d on d.attempt_id = a.id where a.state = 'succeeded' and d.attempt_id is null`
  return rows.map(({ fault }) => fault)
}
