import { SERVER } from '../../../domain/audit/actions.ts'
import { sql } from 'drizzle-orm'
import { expect, test, vi } from 'vitest'
import { attempts } from '../../../domain/schema.ts'
import type { PhaseLimits } from '../../../domain/environments/limits.ts'
import { snapshotBuilds } from '../../../domain/schema/snapshots.ts'
import { cancelTask } from '../../../domain/tasks/cancel.ts'
import { failOverdue } from '../../../domain/tasks/overdue.ts'
import { reapHost } from '../../../domain/tasks/requeue.ts'
import { cacheOf, fakeEngine, wishFor } from '../../support/builds.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'
import {
  HOST,
  MAINTENANCE,
  SETUP,
  stall,
  stalledRunner,
  untilAttempt,
  untilNotice,
} from '../../support/stalled-runner.ts'
import type { AttemptRow, Place } from '../../support/stalled-runner.ts'

// For each place where an attempt may stand still: cancel, its limit, the loss of its runner and the loss of the engine end
// it, and the same runner goes on with other work. Publishing has its own table below.

// Much of it waits for limits, so several stand still at once.
vi.setConfig({ testTimeout: 90_000 })

type Where = Place | 'queue' | 'another build'
type Row = {
  where: Where
  state: AttemptRow['state']
  limits: Partial<PhaseLimits>
  reason: string
  scripts?: { setupScript?: string; maintenanceScript?: string }
}

const SHORT_MS = 1500
/** Long enough to get there. */
const WHOLE_MS = 6000
const HOUR_MS = 3_600_000
const TABLE: Row[] = [
  { where: 'queue', state: 'queued', limits: { queueMs: HOUR_MS }, reason: 'timed-out:queue' },
  { where: 'checkout', state: 'preparing', limits: { checkoutMs: SHORT_MS }, reason: 'timed-out:checkout' },
  { where: 'image', state: 'preparing', limits: { setupMs: SHORT_MS }, reason: 'timed-out:sandbox' },
  { where: 'sandbox', state: 'preparing', limits: { sandboxMs: SHORT_MS }, reason: 'timed-out:sandbox' },
  {
    ...{ where: 'setup', state: 'preparing', limits: { setupMs: SHORT_MS }, reason: 'timed-out:setup' },
    scripts: { setupScript: SETUP },
  },
  {
    ...{ where: 'another build', state: 'preparing', limits: { totalMs: WHOLE_MS }, reason: 'timed-out:total' },
    scripts: { setupScript: SETUP },
  },
  {
    ...{ where: 'maintenance', state: 'preparing', limits: { setupMs: SHORT_MS }, reason: 'timed-out:setup' },
    scripts: { maintenanceScript: MAINTENANCE },
  },
  { where: 'agent', state: 'running', limits: { agentMs: SHORT_MS }, reason: 'timed-out:agent' },
  { where: 'agent', state: 'running', limits: { noOutputMs: SHORT_MS }, reason: 'no-output:agent' },
  { where: 'collect', state: 'collecting', limits: { collectMs: SHORT_MS }, reason: 'timed-out:collect' },
]

/** An attempt that stands still where the row says, and its runner. */
async function standing({ where, state, scripts }: Row, limits: Partial<PhaseLimits> = {}) {
  const database = await testDatabase()
  const { db } = database
  const userId = await seedUser(db)
  const environmentId = await seedEnvironment(db, { ...scripts, limits, policy: { setup: {} } })
  const at = stall(where === 'queue' || where === 'another build' ? undefined : where)
  if (where === 'queue') at.die()
  const runner = await stalledRunner(database, at)
  if (where === 'another build') await buildElsewhere(database, environmentId)
  const submit = async () => {
    const { taskId, attemptIds } = await seedTask(db, { userId, environmentId })
    await db.execute(sql`select pg_notify('drydock_queue', '')`)
    return { taskId, id: attemptIds[0] ?? '' }
  }
  const { taskId, id } = await submit()
  if (where === 'another build') await untilNotice(database, id, 'waits for the build')
  else if (where !== 'queue') await at.reached
  await until(state)
  return { database, at, runner, taskId, id, until, submit, [Symbol.asyncDispose]: close }

  async function until(wanted: AttemptRow['state']) {
    return untilAttempt(database, id, (row) => row.state === wanted)
  }

  async function close() {
    await runner.close()
    runner.sandboxes.assertClean()
    await database[Symbol.asyncDispose]()
  }
}

/** Another process of the host builds the snapshot, and does not come to an end. */
async function buildElsewhere(database: TestDatabase, environmentId: string): Promise<void> {
  const wish = await wishFor(database, environmentId)
  const image = { ref: 'drydock/base:1', digest: 'sha256:drydock/base:1' }
  const { key } = await cacheOf(database, fakeEngine()).cache.keyOf(wish, image)
  const held = { build: 'other', holder: `${HOST}/other`, leaseUntil: sql`clock_timestamp() + interval '1 hour'` }
  await database.db.insert(snapshotBuilds).values({ hostId: HOST, environmentId, key, ...held })
}

/** The other process is lost. */
async function loseOtherBuild({ db }: TestDatabase): Promise<void> {
  await db.update(snapshotBuilds).set({ leaseUntil: sql`clock_timestamp() - interval '1 second'` })
}

const name = ({ where, reason }: Row) => `${where} (${reason})`
const eachPlace = TABLE.filter(({ reason }) => !reason.startsWith('no-output')).map((row) => [row.where, row] as const)

test.concurrent.each(eachPlace)('cancel ends an attempt that stands still at: %s', async (where, row) => {
  await using world = await standing(row)
  await cancelTask(world.database.db, world.taskId, SERVER)
  expect(await world.until('cancelled')).toMatchObject({ leaseUntil: null })
  if (where === 'queue') return
  await untilNotice(world.database, world.id, 'The sandbox is gone')
  // Its place is free: the runner takes one task at a time.
  await loseOtherBuild(world.database)
  const { id } = await world.submit()
  await untilAttempt(world.database, id, ({ state }) => state === 'succeeded')
})

test.concurrent.each(TABLE.map((row) => [name(row), row] as const))(
  'its limit ends an attempt that stands still at: %s',
  async (_, row) => {
    await using world = await standing(row, row.limits)
    if (row.where === 'queue') await untilOverdue(world.database)
    expect(await world.until('failed')).toMatchObject({ reason: row.reason, leaseUntil: null })
  },
)

/** Time passes by the clock of the database. */
async function untilOverdue({ db }: TestDatabase): Promise<void> {
  expect(await failOverdue(db)).toEqual([])
  await db.update(attempts).set({ queuedAt: sql`queued_at - interval '1 hour'` })
  expect(await failOverdue(db)).toHaveLength(1)
}

test.concurrent.each(eachPlace)(
  'a runner that is lost gives up an attempt that stands still at: %s',
  async (where, row) => {
    await using world = await standing(row)
    // What it does from now on comes from a process that was taken for dead. A dead one holds no lock; this one may.
    while (where !== 'queue' && (await reapHost(world.database.db, HOST)).length === 0);
    const next = await stalledRunner(world.database, stall(undefined))
    try {
      const { claim } = await world.until('succeeded')
      expect(claim > 1).toBe(where !== 'queue')
    } finally {
      await next.close()
      next.sandboxes.assertClean()
    }
  },
)

test.concurrent.each(eachPlace)(
  'an attempt that stands still at: %s goes on when an engine that was lost is back',
  async (where, row) => {
    await using world = await standing(row)
    if (where !== 'queue') {
      world.at.die()
      world.at.open()
      if (where === 'another build') await loseOtherBuild(world.database)
      await world.until('queued')
    }
    world.at.revive()
    expect(await world.until('succeeded')).toMatchObject({ lost: where === 'queue' ? 0 : 1 })
  },
)
