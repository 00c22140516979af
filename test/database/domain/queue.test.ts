import { eq, sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import type { Db } from '../../../domain/db.ts'
import { attempts, events, tasks } from '../../../domain/schema.ts'
import { environmentLoad, loadArrivals, userLoad } from '../../../domain/schema/load.ts'
import { appendEvents } from '../../../domain/tasks/append-events.ts'
import type { Fence } from '../../../domain/tasks/attempt.ts'
import { enterState, fail, recordPhase, succeed } from '../../../domain/tasks/fenced.ts'
import { claimPublish, postponePublish, settlePublish } from '../../../domain/tasks/publishing.ts'
import { claimNext, renewLeases } from '../../../domain/tasks/queue.ts'
import { handBack, reapExpired, reapHost } from '../../../domain/tasks/requeue.ts'
import { deferred } from '../../../runner/deferred.ts'
import { testDatabase } from '../../support/database.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

const CLAIM = { runnerId: 'host/1', leaseMs: 30_000 }
const stateOf = async (db: Db, id: string) => (await db.select().from(attempts).where(eq(attempts.id, id)))[0]
const expire = (db: Db) => db.execute(sql`update attempts set lease_until = now() - interval '1 second'`)

async function claimOrFail(db: Db, options = CLAIM): Promise<Fence> {
  const fence = await claimNext(db, options)
  if (!fence) throw new Error('nothing to claim')
  return fence
}

test('claimNext() takes the least busy user first, then priority, then age', async () => {
  await using database = await testDatabase()
  const { db } = database
  const [a, b] = [await seedUser(db, { id: 'a' }), await seedUser(db, { id: 'b' })]
  const environmentId = await seedEnvironment(db)
  const first = await seedTask(db, { userId: a, environmentId })
  const second = await seedTask(db, { userId: a, environmentId })
  const urgent = await seedTask(db, { userId: a, environmentId, priority: 1 })
  const others = await seedTask(db, { userId: b, environmentId })

  const order = []
  for (let i = 0; i < 4; i++) order.push((await claimOrFail(db)).attemptId)
  expect(order).toEqual([urgent, others, first, second].map((task) => task.attemptIds[0]))
  expect(await claimNext(db, CLAIM)).toBeUndefined()
})

test('claimNext() counts services among what a runner has room for, and lets nothing past one that does not fit', async () => {
  await using database = await testDatabase()
  const { db } = database
  const userId = await seedUser(db)
  const services = ['a', 'b', 'c'].map((name) => ({ name, image: 'postgres' }))
  const large = await seedTask(db, { userId, environmentId: await seedEnvironment(db, { services }) })
  const small = await seedTask(db, { userId, environmentId: await seedEnvironment(db) })
  const claim = (capacity: number, free: number) => claimNext(db, { ...CLAIM, room: { capacity, free } })
  expect(await claim(4, 1)).toBeUndefined()
  expect(await claim(4, 2)).toMatchObject({ attemptId: large.attemptIds[0], slots: 2 })
  expect(await claim(4, 1)).toMatchObject({ attemptId: small.attemptIds[0], slots: 1 })
  // Where there is never more room, it does not wait for ever.
  const again = await seedTask(db, { userId, environmentId: await seedEnvironment(db, { services }) })
  expect(await claim(1, 1)).toMatchObject({ attemptId: again.attemptIds[0], slots: 1 })
})

test('claimNext() serves equally busy users in turn', async () => {
  await using database = await testDatabase()
  const { db } = database
  const environmentId = await seedEnvironment(db)
  for (const id of ['a', 'b']) {
    await seedUser(db, { id })
    for (let i = 0; i < 2; i++) await seedTask(db, { userId: id, environmentId })
  }
  const served = []
  for (let i = 0; i < 4; i++) {
    const fence = await claimOrFail(db)
    served.push((await stateOf(db, fence.attemptId))?.userId)
    await fail(db, fence, { phase: 'agent', reason: 'agent-exited', message: 'x' })
  }
  expect(served).toEqual(['a', 'b', 'a', 'b'])
})

test('claimNext() holds the caps of user and environment under 8 concurrent claimers, and gives nothing out twice', async () => {
  await using database = await testDatabase({ max: 8 })
  const { db } = database
  const users = await Promise.all([...'abcd'].map((id, i) => seedUser(db, { id, maxRunning: i < 2 ? 3 : 20 })))
  const environments = await Promise.all([5, 100].map((maxRunning) => seedEnvironment(db, { maxRunning })))
  for (const userId of users)
    for (const environmentId of environments) for (let i = 0; i < 10; i++) await seedTask(db, { userId, environmentId })

  const claimed: string[] = []
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let misses = 0; misses < 5;) {
        const fence = await claimNext(db, CLAIM)
        if (fence) claimed.push(fence.attemptId)
        else misses++
      }
    }),
  )
  expect(new Set(claimed).size).toBe(claimed.length)
  const perUser = Object.fromEntries((await db.select().from(userLoad)).map((row) => [row.userId, row.running]))
  expect(perUser).toMatchObject({ a: 3, b: 3 })
  const perEnvironment = (await db.select().from(environmentLoad)).map((row) => row.running)
  expect(Math.min(...perEnvironment)).toBe(5)
  const counted = await db.execute(
    sql`select user_id, count(*)::int as running from attempts where state = 'preparing' group by 1`,
  )
  expect(Object.fromEntries(counted.map((row) => [row['user_id'], row['running']]))).toEqual(perUser)
})

test('attempts of one user are queued without waiting for one another, and each is counted once', async () => {
  await using database = await testDatabase({ max: 8 })
  const { db } = database
  const userId = await seedUser(db)
  const environmentId = await seedEnvironment(db)
  const open = deferred()
  const isIn = deferred()
  // One that is not committed yet: with a count of their own they would all wait for it.
  const first = db.transaction(async (tx) => {
    await seedTask(tx, { userId, environmentId })
    isIn.resolve()
    await open.promise
  })
  await isIn.promise
  for (let i = 0; i < 3; i++) await seedTask(db, { userId, environmentId })
  const claims = await Promise.all(Array.from({ length: 4 }, () => claimNext(db, CLAIM)))
  open.resolve()
  await first
  for (let fence = await claimNext(db, CLAIM); fence; fence = await claimNext(db, CLAIM)) claims.push(fence)
  expect(new Set(claims.filter(Boolean).map((fence) => fence?.attemptId)).size).toBe(4)
  for (const table of [userLoad, environmentLoad])
    expect(await db.select().from(table)).toMatchObject([{ queued: 0, running: 4 }])
  expect(await db.select().from(loadArrivals)).toEqual([])
})

test('an attempt that is cancelled before anybody counted it leaves no count behind', async () => {
  await using database = await testDatabase()
  const { db } = database
  await seedTask(db, { userId: await seedUser(db), environmentId: await seedEnvironment(db) })
  await db.update(attempts).set({ state: 'cancelled' })
  expect(await claimNext(db, CLAIM)).toBeUndefined()
  for (const table of [userLoad, environmentLoad])
    expect(await db.select().from(table)).toMatchObject([{ queued: 0, running: 0 }])
})

test('claimNext() reads the queue by an index in query order', async () => {
  await using database = await testDatabase()
  const { db } = database
  const userId = await seedUser(db)
  const environmentId = await seedEnvironment(db)
  for (let i = 0; i < 30; i++) await seedTask(db, { userId, environmentId })
  const plan = await db.transaction(async (tx) => {
    await tx.execute(sql`set local enable_seqscan = off`)
    return tx.execute(sql`explain select id from attempts where user_id = ${userId} and state = 'queued'
      order by priority desc, created_at, id limit 1`)
  })
  const text = plan.map((row) => String(row['QUERY PLAN'])).join('\n')
  expect(text).toContain('attempts_queue')
  expect(text).not.toContain('Sort')
})

test('renewLeases() tells which attempts are still held', async () => {
  await using database = await testDatabase()
  const { db } = database
  const userId = await seedUser(db)
  const environmentId = await seedEnvironment(db)
  for (let i = 0; i < 2; i++) await seedTask(db, { userId, environmentId })
  const [one, two] = [await claimOrFail(db), await claimOrFail(db)]
  await db.update(attempts).set({ state: 'cancelled' }).where(eq(attempts.id, two.attemptId))
  expect([...(await renewLeases(db, [one, two], 30_000))]).toEqual([one.attemptId])
})

test('reapExpired() queues a lost attempt again twice, then fails it with runner-lost', async () => {
  await using database = await testDatabase()
  const { db } = database
  const { taskId, attemptIds } = await seedTask(db, {
    userId: await seedUser(db),
    environmentId: await seedEnvironment(db),
  })
  const states = []
  for (let i = 0; i < 3; i++) {
    await claimOrFail(db)
    await expire(db)
    states.push((await reapExpired(db)).map((reaped) => reaped.state))
  }
  expect(states).toEqual([['queued'], ['queued'], ['failed']])
  expect(await stateOf(db, attemptIds[0] ?? '')).toMatchObject({ state: 'failed', reason: 'runner-lost', claim: 3 })
  expect((await db.select().from(tasks).where(eq(tasks.id, taskId)))[0]?.state).toBe('failed')
  expect((await db.select().from(userLoad))[0]).toMatchObject({ queued: 0, running: 0 })
  const said = (await db.select().from(events).orderBy(events.seq)).map((event) => event.payload)
  expect(said.map((payload) => payload['state'])).toEqual(['queued', 'queued', 'failed'])
  expect(said.at(-1)).toMatchObject({ reason: 'runner-lost' })
})

test('reapHost() takes only what that host held', async () => {
  await using database = await testDatabase()
  const { db } = database
  const userId = await seedUser(db)
  const environmentId = await seedEnvironment(db)
  for (let i = 0; i < 2; i++) await seedTask(db, { userId, environmentId })
  const mine = await claimOrFail(db, { ...CLAIM, runnerId: 'host/1' })
  await claimOrFail(db, { ...CLAIM, runnerId: 'host2/1' })
  expect((await reapHost(db, 'host')).map((reaped) => reaped.attemptId)).toEqual([mine.attemptId])
})

test('a stale fence writes nothing: no state, no phase, no event, no result', async () => {
  await using database = await testDatabase()
  const { db } = database
  const { attemptIds } = await seedTask(db, { userId: await seedUser(db), environmentId: await seedEnvironment(db) })
  const stale = await claimOrFail(db)
  await handBack(db, stale)
  const fresh = await claimOrFail(db)
  const rejected = { code: 'stale-fence' }
  const event = { phase: 'agent' as const, kind: 'output', at: new Date(), payload: { text: 'late' } }
  await expect(appendEvents(db, stale, [event])).rejects.toMatchObject(rejected)
  await expect(enterState(db, stale, 'running')).rejects.toMatchObject(rejected)
  await expect(recordPhase(db, stale, { phase: 'agent', ms: 1 })).rejects.toMatchObject(rejected)
  await expect(fail(db, stale, { phase: 'agent', reason: 'internal', message: 'x' })).rejects.toMatchObject(rejected)
  await enterState(db, fresh, 'running')
  expect(await stateOf(db, attemptIds[0] ?? '')).toMatchObject({ state: 'running', claim: 2, phases: [] })
  expect((await db.select().from(events)).map((event) => event.payload)).toEqual([
    { state: 'queued', because: 'runner-stopped' },
  ])
})

test('appendEvents() numbers the events of concurrent attempts without a gap', async () => {
  await using database = await testDatabase()
  const { db } = database
  const { taskId } = await seedTask(db, {
    userId: await seedUser(db),
    environmentId: await seedEnvironment(db),
    attempts: 4,
  })
  const fences = [await claimOrFail(db), await claimOrFail(db), await claimOrFail(db), await claimOrFail(db)]
  const batch = (n: number) =>
    Array.from({ length: 3 }, (_, i) => ({
      phase: 'agent' as const,
      kind: 'output',
      at: new Date(),
      payload: { text: `${n}.${i}` },
    }))
  await Promise.all(fences.flatMap((fence) => [1, 2, 3, 4, 5].map((n) => appendEvents(db, fence, batch(n)))))
  const seqs = (await db.select().from(events).where(eq(events.taskId, taskId)).orderBy(events.seq)).map(
    (event) => event.seq,
  )
  expect(seqs).toEqual(Array.from({ length: 60 }, (_, i) => i + 1))
})

test('publishing has a fence of its own: taken once, postponed, settled by its holder only', async () => {
  await using database = await testDatabase()
  const { db } = database
  const { attemptIds } = await seedTask(db, { userId: await seedUser(db), environmentId: await seedEnvironment(db) })
  const fence = await claimOrFail(db)
  await enterState(db, fence, 'running')
  await enterState(db, fence, 'collecting')
  const change = {
    tree: 't',
    commit: 'c',
    branch: 'b',
    patch: Buffer.from('p'),
    stats: { files: 1, additions: 1, deletions: 0 },
    flagged: [],
  }
  await succeed(db, fence, {
    phase: 'collect',
    answer: null,
    change,
    publish: { state: 'pending', mode: 'branch', ...CLAIM },
  })
  expect(await claimPublish(db, CLAIM)).toBeUndefined()
  await postponePublish(db, { ...fence, claim: 1 }, { reason: 'busy', delayMs: 0 })
  const second = await claimPublish(db, CLAIM)
  expect(second).toEqual({ attemptId: attemptIds[0], claim: 2 })
  const settled = {
    outcome: { state: 'published', branch: 'b', commit: 'c' } as const,
    timing: { phase: 'publish' as const, ms: 5 },
    mode: 'branch' as const,
  }
  await expect(settlePublish(db, { ...fence, claim: 1 }, settled)).rejects.toMatchObject({ code: 'stale-fence' })
  await settlePublish(db, second as Fence, settled)
  expect(await stateOf(db, attemptIds[0] ?? '')).toMatchObject({
    publishState: 'published',
    state: 'succeeded',
    phases: [{ phase: 'publish', ms: 5 }],
  })
})

test('claimPublish() takes only what a runner of the same host made: the commit lies there', async () => {
  await using database = await testDatabase()
  const { db } = database
  await seedTask(db, { userId: await seedUser(db), environmentId: await seedEnvironment(db) })
  const fence = await claimOrFail(db)
  await enterState(db, fence, 'running')
  await enterState(db, fence, 'collecting')
  const change = {
    tree: 't',
    commit: 'c',
    branch: 'b',
    patch: Buffer.from('p'),
    stats: { files: 1, additions: 1, deletions: 0 },
    flagged: [],
  }
  const publish = { state: 'pending', mode: 'branch', runnerId: 'host/1', leaseMs: 0 } as const
  await succeed(db, fence, { phase: 'collect', answer: null, change, publish })
  expect(await claimPublish(db, { runnerId: 'other/1', leaseMs: 1000 })).toBeUndefined()
  expect(await claimPublish(db, { runnerId: 'host/2', leaseMs: 1000 })).toMatchObject({ claim: 2 })
})
