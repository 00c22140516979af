import { setTimeout as delay } from 'node:timers/promises'
import { sql } from 'drizzle-orm'
import { openDatabase } from '../domain/db.ts'
import type { DatabaseAddress, Db } from '../domain/db.ts'
import { claimNext } from '../domain/tasks/queue.ts'
import { environmentCap, environmentId, fillQueue, userCap, userId } from './claims/fill.ts'
import type { Shape } from './claims/fill.ts'
import { brokenCaps, doubleClaims, unfairClaims } from './claims/verify.ts'
import type { Op, Rules } from './claims/verify.ts'
import { startDatabase } from './support/database.ts'
import { numbers } from './support/options.ts'
import type { BenchOptions } from './support/options.ts'
import { runAsProgram } from './support/program.ts'
import { load, progress, report, round } from './support/report.ts'

const BOUND = 1000
const CONNECTIONS = 8
/** One attempt is finished for so many claims, so that caps that bind open up and close again. */
const CLAIMS_PER_FINISH = 10
/** More than anybody claims in a second, so that the queue stays as long as it must be. */
const MAX_RATE = 4000

/** How many attempts per second 8 connections claim from a long queue, with caps and fairness verified. */
export async function run(options: BenchOptions): Promise<number> {
  const { queued, users, environments, seconds } = numbers(options.args, {
    queued: 20_000,
    users: 200,
    environments: 50,
    seconds: 10,
  })
  progress('Starting PostgreSQL and filling the queue …')
  await using postgres = await startDatabase()
  const result = await measureClaims(postgres.address, { users, environments, queued, seconds })
  progress(`Load of this machine in the last minute: ${load()} (other work lowers the rate)`)
  const { claims, violations, ...figures } = result
  const findings = violations.slice(0, 20)
  if (queued >= 20_000 && figures.claimsPerSecond < BOUND) findings.push(`fewer than ${BOUND} claims per second`)
  progress(`${claims} claims verified`)
  return report(options, { queued, ...figures, violations: violations.length, claims }, findings)
}

export type ClaimsInput = Shape & { seconds: number }

/** Claims for some seconds on an empty database, while at least `queued` attempts wait; then says what was wrong. */
export async function measureClaims(address: DatabaseAddress, { seconds, ...shape }: ClaimsInput) {
  await using observer = openDatabase(address, { max: 2 })
  const filled = { ...shape, queued: shape.queued + seconds * MAX_RATE }
  await fillQueue(observer.client, filled)
  const run = new Run(filled, seconds * MAX_RATE)
  progress(`Claiming for ${seconds} s on ${CONNECTIONS} connections …`)
  const deadline = performance.now() + seconds * 1000
  const started = performance.now()
  const claiming = Promise.all(Array.from({ length: CONNECTIONS }, () => claimUntil(deadline, { address, run })))
  const sampling = sample(observer.db, deadline)
  await Promise.all([claiming, finishUntil(deadline, { db: observer.db, run }), sampling])
  const elapsed = (performance.now() - started) / 1000
  const [fsync] = await observer.client<{ fsync: string }[]>`show fsync`
  const [left] = await observer.client<{ n: number }[]>`select count(*)::int n from attempts where state = 'queued'`
  const rules = run.rules()
  const violations = [
    ...doubleClaims(run.ops),
    ...brokenCaps(run.ops, rules),
    ...unfairClaims(run.ops, rules, 2 * CONNECTIONS),
    ...(await sampling),
    ...(await wrongCounts(observer.db)),
    ...((left?.n ?? 0) < shape.queued ? [`only ${left?.n} attempts were left in the queue`] : []),
  ]
  return {
    claimsPerSecond: round(run.claims / elapsed, 0),
    fsync: fsync?.fsync ?? 'unknown',
    connections: CONNECTIONS,
    users: shape.users,
    environments: shape.environments,
    claims: run.claims,
    boundUsers: await boundUsers(observer.db),
    misses: run.misses,
    violations,
  }
}

class Run {
  readonly ops: Op[] = []
  /** Claims that found nothing: all that was left was locked. */
  misses = 0
  claims = 0
  readonly #shape: Shape
  readonly #most: number

  constructor(shape: Shape, most: number) {
    this.#shape = shape
    this.#most = most
  }

  get isFull(): boolean {
    return this.claims >= this.#most
  }

  add(kind: Op['kind'], attempt: string, time: { began: number; ended: number }): void {
    const { users, environments } = this.#shape
    const i = Number.parseInt(attempt, 16)
    const user = userId(i % users)
    const environment = environmentId(Math.floor(i / users) % environments)
    this.ops.push({ kind, attempt, user, environment, ...time })
    if (kind === 'claim') this.claims++
  }

  rules(): Rules {
    const { users, environments, queued } = this.#shape
    const waiting = new Map<string, Map<string, number>>()
    for (let i = 0; i < queued; i++) {
      const user = userId(i % users)
      const environment = environmentId(Math.floor(i / users) % environments)
      const own = waiting.get(user) ?? new Map<string, number>()
      waiting.set(user, own.set(environment, (own.get(environment) ?? 0) + 1))
    }
    const number = (id: string) => Number(id.slice(1))
    return {
      userCap: (user) => userCap(number(user)),
      environmentCap: (environment) => environmentCap(number(environment)),
      queued: waiting,
    }
  }
}

async function claimUntil(deadline: number, { address, run }: { address: DatabaseAddress; run: Run }): Promise<void> {
  await using database = openDatabase(address, { max: 1 })
  for (let began = performance.now(); began < deadline && !run.isFull; began = performance.now()) {
    const fence = await claimNext(database.db, { runnerId: 'bench/1', leaseMs: 3_600_000 })
    if (fence) run.add('claim', fence.attemptId, { began, ended: performance.now() })
    else run.misses++
  }
}

/** Finishes attempts at a share of the claims' rate, turn by turn of users whose cap binds and of others. */
async function finishUntil(deadline: number, { db, run }: { db: Db; run: Run }): Promise<void> {
  let looked = 0
  for (let finished = 0; performance.now() < deadline && !run.isFull;) {
    const op = finished < run.claims / CLAIMS_PER_FINISH ? nextToFinish(run, looked) : undefined
    if (op === undefined) {
      await delay(1)
      continue
    }
    looked = op.index + 1
    finished++
    const began = performance.now()
    await db.execute(sql`update attempts set state = 'succeeded', finished_at = clock_timestamp(), lease_until = null
      where id = ${op.attempt}`)
    run.add('finish', op.attempt, { began, ended: performance.now() })
  }
}

/** Every fourth claim, in their order: of the first round as well as of later ones. */
function nextToFinish({ ops }: Run, from: number): { attempt: string; index: number } | undefined {
  for (let index = from; index < ops.length; index++) {
    const op = ops[index]
    if (op?.kind === 'claim' && index % 4 === 0) return { attempt: op.attempt, index }
  }
  return undefined
}

/** Looks at the caps from a connection of its own, each time at one point in time. */
async function sample(db: Db, deadline: number): Promise<string[]> {
  const found: string[] = []
  while (performance.now() < deadline) {
    await delay(500)
    const rows = await db.execute<{ id: string; running: number }>(sql`
      select u.id, count(*)::int as running from attempts a join users u on u.id = a.user_id
      where a.state = 'preparing' group by u.id having count(*) > u.max_running
      union all
      select e.id, count(*)::int from attempts a join environments e on e.id = a.environment_id
      where a.state = 'preparing' group by e.id having count(*) > e.max_running`)
    found.push(...rows.map(({ id, running }) => `${id} was seen with ${running} running, over its cap`))
  }
  return found
}

/** Where the counts that claims go by differ from the rows that they count. */
async function wrongCounts(db: Db): Promise<string[]> {
  const rows = await db.execute<{ id: string }>(sql`
    with counted as (
      select user_id, environment_id, (state = 'queued')::int as queued, (state = 'preparing')::int as running from attempts
    ), expected as (
      select user_id as id, sum(queued) as queued, sum(running) as running from counted group by 1
      union all
      select environment_id, sum(queued), sum(running) from counted group by 1
    ), load as (
      select user_id as id, queued, running from user_load
      union all
      select environment_id, queued, running from environment_load
    )
    select id from expected join load using (id)
    where load.queued <> expected.queued or load.running <> expected.running`)
  return rows.map(({ id }) => `the load of ${id} is not what its attempts say`)
}

/** How many users stand at their cap at the end. */
async function boundUsers(db: Db): Promise<number> {
  const rows = await db.execute<{ n: number }>(sql`
    select count(*)::int as n from user_load l join users u on u.id = l.user_id where l.running >= u.max_running`)
  return rows[0]?.n ?? 0
}

await runAsProgram(import.meta.url, run)
