import { eq } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { DrydockError } from '../../../domain/errors.ts'
import { linkForgeLogin } from '../../../domain/people/forge-logins.ts'
import { requestPublish } from '../../../domain/tasks/publish-request.ts'
import { environments, tasks, users } from '../../../domain/schema.ts'
import type { Forge, PushRight } from '../../../forge/forge.ts'
import { allEntries } from '../../support/audit.ts'
import { testDatabase } from '../../support/database.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'
import { stall, stalledRunner, untilAttempt } from '../../support/stalled-runner.ts'
import type { AttemptRow, Stall } from '../../support/stalled-runner.ts'

const HOST = 'github.test'
const ADA = { login: 'ada', id: 7 }
const MAY_NOT = 'Cannot publish: "Ada" may not publish from this environment any more. Somebody who may can publish it'
const away = new DrydockError('forge-unavailable', 'Cannot ask: it is away.')

type Answer = PushRight | Error
type Input = {
  rights: Record<number, Answer[]>
  linked?: boolean
  publishUnlinked?: boolean
  role?: 'admin' | 'member'
  at?: Stall
}

/** An attempt of Ada's that publishes by itself. The forge answers of each account in turn, and its last answer stays. */
async function world({ rights, linked = true, publishUnlinked = true, role = 'admin', at }: Input) {
  const database = await testDatabase()
  const { db } = database
  const userId = await seedUser(db, { role })
  if (linked) await linkForgeLogin(db, { by: { userId, name: 'Ada' }, host: HOST, account: ADA })
  const of = { publish: 'branch', publishUnlinked, policy: { setup: {} } } as const
  const environmentId = await seedEnvironment(db, { ...of, name: 'shop', forge: 'github', address: 'acme/app' })
  const { taskId, attemptIds } = await seedTask(db, { userId, environmentId })
  const id = attemptIds[0] ?? ''
  const forge: Forge = {
    ...{ host: HOST, account: () => Promise.reject(new Error('nobody asks')) },
    lookUp: async () => ({ defaultBranch: 'main', canPush: true, cloneUrl: '' }),
    openPullRequest: async () => ({ number: 9, url: 'https://github.test/acme/app/pull/9' }),
    async pushRight(_, account) {
      const answers = rights[account.id] ?? []
      const answer = (answers.length > 1 ? answers.shift() : answers[0]) ?? 'none'
      if (answer instanceof Error) throw answer
      return answer
    },
  }
  const runner = await stalledRunner(database, at ?? stall(undefined), { forgeOf: () => forge })
  return {
    ...{ db, database, userId, taskId, id, sandboxes: runner.sandboxes },
    until: (isSo: (row: AttemptRow) => boolean) => untilAttempt(database, id, isSo),
    async [Symbol.asyncDispose]() {
      await runner.close()
      await database[Symbol.asyncDispose]()
    },
  }
}

type World = Awaited<ReturnType<typeof world>>
const isDone = ({ publishState }: AttemptRow) => publishState === 'published' || publishState === 'failed'
const published = async ({ db }: World) => (await allEntries(db)).filter(({ action }) => action === 'attempt.published')

test('what is published by itself is asked for before, and is written down with both identities', async () => {
  await using it = await world({ rights: { 7: ['push'] } })
  expect(await it.until(isDone)).toMatchObject({ publishState: 'published' })
  expect(it.sandboxes.made).toHaveLength(1)
  expect(await published(it)).toMatchObject([
    {
      ...{ actorId: it.userId, via: 'server', targetKind: 'attempt', targetId: it.id },
      after: { repository: 'acme/app', onForge: { host: HOST, ...ADA } },
    },
  ])
  // Titles begin prompts: nobody asked for one to be kept.
  const [task] = await it.db.select().from(tasks).where(eq(tasks.id, it.taskId))
  expect(JSON.stringify(await published(it))).not.toContain(task?.title)
})

test('who may not push at the start is told then, before anything is done', async () => {
  await using it = await world({ rights: { 7: ['none'] } })
  expect(await it.until(({ state }) => state === 'failed')).toMatchObject({
    reason: 'push-refused',
    message: `Cannot publish to acme/app: ${HOST} does not let "ada" push there`,
  })
  expect(it.sandboxes.made).toEqual([])
  expect(await published(it)).toEqual([])
})

test('who lost the right meanwhile publishes nothing, and the change is kept', async () => {
  await using it = await world({ rights: { 7: ['push', 'none'] } })
  expect(await it.until(isDone)).toMatchObject({
    ...{ state: 'succeeded', publishState: 'failed' },
    publishReason: `Cannot publish to acme/app: ${HOST} does not let "ada" push there`,
    commit: 'c'.repeat(40),
  })
  expect(await published(it)).toEqual([])
})

test('a forge that is away lets start, and lets nothing be published until it answers', async () => {
  await using it = await world({ rights: { 7: [away] } })
  const row = await it.until(({ publishReason }) => publishReason !== null)
  expect(row).toMatchObject({ state: 'succeeded', publishState: 'pending' })
  expect(row.publishReason).toMatch(/it is away.*tries again at/)
  expect(await published(it)).toEqual([])
})

test('unlinked people publish where the environment lets them, which is written down', async () => {
  await using it = await world({ rights: {}, linked: false })
  await it.until(isDone)
  expect(await published(it)).toMatchObject([{ actorId: it.userId, after: { onForge: 'unlinked' } }])
  await using strict = await world({ rights: {}, linked: false, publishUnlinked: false })
  expect(await strict.until(({ state }) => state === 'failed')).toMatchObject({ reason: 'push-refused' })
})

test('what somebody else asks for is published with their right, and in their name', async () => {
  await using it = await world({ rights: { 7: ['push', 'none'], 8: ['push'] } })
  expect(await it.until(isDone)).toMatchObject({ publishState: 'failed' })
  const bob = { userId: await seedUser(it.db, { name: 'Bob' }), name: 'Bob' }
  await linkForgeLogin(it.db, { by: bob, host: HOST, account: { login: 'bob', id: 8 } })
  await requestPublish(it.db, { by: bob, attemptId: it.id, confirmFlagged: false })
  await it.until(({ publishState }) => publishState === 'published')
  expect(await published(it)).toMatchObject([
    { actorId: bob.userId, actorName: 'Bob', after: { pullRequest: 9, onForge: { login: 'bob', id: 8 } } },
  ])
})

const DISABLED = 'Cannot publish: the account of who it is published for is disabled. Somebody who may can publish it'

test.each([
  {
    name: 'is disabled',
    lose: ({ db, userId }: World) => db.update(users).set({ disabledAt: new Date() }).where(eq(users.id, userId)),
    says: DISABLED,
  },
  {
    name: 'is made a viewer',
    lose: ({ db, userId }: World) => db.update(users).set({ role: 'viewer' }).where(eq(users.id, userId)),
    says: MAY_NOT,
  },
  {
    name: 'loses the environment',
    lose: ({ db }: World) => db.update(environments).set({ visibility: 'private' }),
    says: MAY_NOT,
  },
])('who $name while their attempt runs publishes nothing; somebody who may can', async ({ lose, says }) => {
  const at = stall('agent')
  await using it = await world({ rights: { 7: ['push'] }, role: 'member', at })
  await at.reached
  await lose(it)
  at.open()
  expect(await it.until(isDone)).toMatchObject({
    ...{ state: 'succeeded', publishState: 'failed', publishReason: says },
    commit: 'c'.repeat(40),
  })
  expect(await published(it)).toEqual([])

  const root = { userId: await seedUser(it.db, { name: 'Root' }), name: 'Root' }
  await requestPublish(it.db, { by: root, attemptId: it.id, confirmFlagged: false })
  await it.until(({ publishState }) => publishState === 'published')
  expect(await published(it)).toMatchObject([{ actorId: root.userId }])
})
