import { eq, sql } from 'drizzle-orm'
import { pino } from 'pino'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { InspectionJson } from '../../../api/schemas/inspection.ts'
import {
  claimInspection,
  dropInspection,
  endInspection,
  queueInspection,
  readInspection,
  releaseInspection,
} from '../../../domain/environments/inspections.ts'
import type { Inspected } from '../../../domain/environments/inspections.ts'
import { DrydockError } from '../../../domain/errors.ts'
import { inspections } from '../../../domain/schema/inspections.ts'
import { untilAborted } from '../../../runner/sandbox/aborted.ts'
import { workOnInspection } from '../../../runner/work-on-inspection.ts'
import type { InspectionWorkDeps } from '../../../runner/work-on-inspection.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi({ inspectionWaitMs: 3000 })
})
afterAll(() => api[Symbol.asyncDispose]())

const found: Inspected = {
  commit: 'c'.repeat(40),
  branch: 'main',
  proposal: {
    ...{
      image: 'universal',
      versions: {},
      setupScript: 'npm ci\n',
      maintenanceScript: null,
      verification: ['npm test'],
    },
    starterTasks: [{ title: 'Explain', prompt: 'Explain it' }],
    reasons: [{ part: 'note', what: 'odd \ud800 text', why: 'because', from: null }],
  },
  declared: null,
}

/** Takes the next inspection as soon as it is there. */
async function claimed() {
  for (;;) {
    const next = await claimInspection(api.database.db, 60_000)
    if (next) return next
  }
}

test('POST /repositories/inspect answers with what a runner found, and leaves no row', async () => {
  const { call } = await api.person()
  const asking = call<InspectionJson>('POST', '/repositories/inspect', { repository: 'acme/site' })
  const { id, claim, repository } = await claimed()
  expect(repository).toMatchObject({ forge: 'github', address: 'acme/site' })
  await endInspection(api.database.db, { id, claim }, { state: 'done', result: found })
  const { status, json } = await asking
  expect(status).toBe(200)
  expect(json.proposal).toMatchObject({ setupScript: 'npm ci\n', verification: ['npm test'] })
  expect(await api.database.db.$count(inspections, eq(inspections.id, id))).toBe(0)
})

test('POST /repositories/inspect answers with the failure and its status', async () => {
  const { call } = await api.person()
  const asking = call('POST', '/repositories/inspect', { repository: '/srv/gone' })
  const fence = await claimed()
  const message = 'Cannot find the repository: it is gone.'
  await endInspection(api.database.db, fence, { state: 'failed', result: { code: 'repository-not-found', message } })
  const { status, json } = await asking
  expect([status, json.code, json.detail]).toEqual([422, 'repository-not-found', message])
})

test('POST /repositories/inspect says that no runner takes it, and gives it up', async () => {
  const { call } = await api.person()
  const { status, json } = await call('POST', '/repositories/inspect', { repository: '/srv/nobody' })
  expect([status, json.code]).toEqual([503, 'runner-unavailable'])
  expect(json.detail).toContain('no runner has taken it')
  expect(await claimInspection(api.database.db, 60_000)).toBeUndefined()
})

test('POST /repositories/inspect needs the right to write environments', async () => {
  const { call } = await api.person('member')
  const { status } = await call('POST', '/repositories/inspect', { repository: '/srv/a' })
  expect(status).toBe(403)
})

test('claimInspection() gives each to one runner; a lapsed lease goes to the next, and the first can write no more', async () => {
  const { db } = api.database
  await queueInspection(db, { forge: 'git', address: '/srv/once' })
  const claims = await Promise.all(Array.from({ length: 6 }, () => claimInspection(db, 60_000)))
  const [first] = claims.filter((claim) => claim !== undefined)
  expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1)
  if (first === undefined) return expect.unreachable()
  await db
    .update(inspections)
    .set({ leaseUntil: sql`now() - interval '1 second'` })
    .where(eq(inspections.id, first.id))
  const second = await claimInspection(db, 60_000)
  expect(second).toMatchObject({ id: first.id, claim: first.claim + 1 })
  await endInspection(db, first, { state: 'done', result: found })
  await releaseInspection(db, first)
  expect(await readInspection(db, first.id)).toEqual({ state: 'running' })
})

test('claimInspection() leaves what nobody waits for any more', async () => {
  const { db } = api.database
  const id = await queueInspection(db, { forge: 'git', address: '/srv/old' })
  await db
    .update(inspections)
    .set({ createdAt: sql`now() - interval '2 minutes'` })
    .where(eq(inspections.id, id))
  expect(await claimInspection(db, 60_000)).toBeUndefined()
})

const unreachable = () => expect.unreachable()
const deps = (open: InspectionWorkDeps['mirrors']['open']): InspectionWorkDeps => ({
  db: api.database.db,
  logger: pino({ level: 'silent' }),
  mirrors: { open, hold: unreachable, commit: unreachable, push: unreachable },
  remoteOf: async ({ forge, address }) => ({ forge, address }),
  git: () => expect.unreachable(),
})

test.each([
  [new DrydockError('repository-auth', 'Cannot read it: sign in.'), 'repository-auth', 'sign in'],
  [new Error('no memory'), 'internal', 'went wrong in the runner'],
])('workOnInspection() tells of %s', async (error, code, words) => {
  const { db } = api.database
  const id = await queueInspection(db, { forge: 'git', address: '/srv/b' })
  const fence = await claimed()
  await workOnInspection(
    fence,
    deps(() => Promise.reject(error)),
    new AbortController().signal,
  )
  expect(await readInspection(db, id)).toEqual({
    state: 'failed',
    failure: { code, message: expect.stringContaining(words) },
  })
})

test('workOnInspection() gives it back when the runner stops', async () => {
  const { db } = api.database
  const id = await queueInspection(db, { forge: 'git', address: '/srv/c' })
  const stop = new AbortController()
  const open = () => {
    stop.abort(new Error('shutdown'))
    return Promise.reject(new Error('stopped'))
  }
  await workOnInspection(await claimed(), deps(open), stop.signal)
  expect(await readInspection(db, id)).toEqual({ state: 'queued' })
})

test('workOnInspection() is ended by its limit, and says so', async () => {
  const { db } = api.database
  await db.delete(inspections)
  const id = await queueInspection(db, { forge: 'git', address: '/srv/d' })
  const open: InspectionWorkDeps['mirrors']['open'] = (_remote, signal) => untilAborted(new Promise(() => {}), signal)
  await workOnInspection(await claimed(), { ...deps(open), limitMs: 100 }, new AbortController().signal)
  expect(await readInspection(db, id)).toEqual({
    state: 'failed',
    failure: { code: 'forge-unavailable', message: expect.stringContaining('took too long') },
  })
})

test('workOnInspection() writes nothing about what nobody waits for any more', async () => {
  const { db } = api.database
  const id = await queueInspection(db, { forge: 'git', address: '/srv/e' })
  const open = async () => {
    await dropInspection(db, id)
    throw new DrydockError('repository-auth', 'Cannot read it: sign in.')
  }
  await workOnInspection(await claimed(), deps(open), new AbortController().signal)
  expect(await readInspection(db, id)).toBeUndefined()
})
