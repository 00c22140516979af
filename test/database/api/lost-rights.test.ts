import { SERVER } from '../../../domain/audit/actions.ts'
import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startApi } from '../../../api/main.ts'
import type { RunningApi } from '../../../api/main.ts'
import { createToken, revokeToken } from '../../../domain/access/tokens.ts'
import { apiTokens, environments, users } from '../../../domain/schema.ts'
import { environmentCollaborators, groupMembers, groupRoles, groups, roles } from '../../../domain/schema/access.ts'
import { updateSettings } from '../../../domain/settings/settings.ts'
import { readSse, testApi } from '../../support/api.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { seedObjects, seedPeople } from '../../support/people.ts'
import type { Objects, People, Person } from '../../support/people.ts'
import { seedGroup, seedUser } from '../../support/seed.ts'

const NEVER = 2_000_000_000
const logger = { debug: () => undefined, info: () => undefined, error: () => undefined }

type World = { database: TestDatabase; api: RunningApi; people: People }

/** A whole server on a port, which hears of lost rights in one way alone. */
async function world(accessPollMs: number): Promise<World> {
  const database = await testDatabase()
  const options = { host: '127.0.0.1', port: 0, checkAddress: async () => {}, logger, version: 'test' }
  const api = await startApi({ ...options, database, accessPollMs }, new AbortController().signal)
  return { database, api, people: await seedPeople(database.db) }
}

type Loss = { who: string; lose: (world: World, person: Person, objects: Objects) => Promise<unknown> }

const losses: Record<string, Loss> = {
  'its token is revoked': {
    who: 'maker',
    lose: ({ database }, { tokenId, userId }) => revokeToken(database.db, { by: SERVER, id: tokenId, userId }),
  },
  'its person is disabled': {
    who: 'maker',
    lose: ({ database }, { userId }) =>
      database.db.update(users).set({ disabledAt: new Date() }).where(eq(users.id, userId)),
  },
  'its person loses the built-in role': {
    who: 'admin',
    lose: async ({ database }, { userId }) => {
      await updateSettings(database.db, { tasksVisibleTo: 'creator' }, SERVER)
      await database.db.update(users).set({ role: 'member' }).where(eq(users.id, userId))
    },
  },
  'its person leaves the group': {
    who: 'grouped',
    lose: ({ database }, { userId }) => database.db.delete(groupMembers).where(eq(groupMembers.userId, userId)),
  },
  'the group is deleted': {
    who: 'grouped',
    lose: ({ database, people }) => database.db.delete(groups).where(eq(groups.id, people.groupId)),
  },
  'the role of its group loses the permission': {
    who: 'granted',
    lose: ({ database }) => database.db.update(roles).set({ permissions: [] }),
  },
  'its group loses the role': { who: 'granted', lose: ({ database }) => database.db.delete(groupRoles) },
  'the environment becomes private': {
    who: 'grouped',
    lose: ({ database }, _, { environmentId }) =>
      database.db.update(environments).set({ visibility: 'private' }).where(eq(environments.id, environmentId)),
  },
  'its person is no collaborator any more': {
    who: 'collab',
    lose: ({ database }) => database.db.delete(environmentCollaborators),
  },
  'tasks become visible to their creators alone': {
    who: 'grouped',
    lose: ({ database }) => updateSettings(database.db, { tasksVisibleTo: 'creator' }, SERVER),
  },
}

/** People are new for each loss; `granted` administrates environments by a role of a group. */
async function personOf({ database: { db }, people }: World, who: string): Promise<Person> {
  if (who !== 'granted') return people.of.get(who) ?? expect.unreachable()
  const userId = await seedUser(db, { role: 'viewer' })
  await seedGroup(db, { members: [userId], permissions: ['environments.admin'] })
  const { token, view } = await createToken(db, { by: SERVER, userId, name: 'granted', scopes: ['read'] })
  return { userId, token, tokenId: view.id }
}

async function follow({ api }: World, { token }: Person, path: string) {
  const response = await fetch(`${api.url}/api/v1${path}`, { headers: { authorization: `Bearer ${token}` } })
  expect(response.status).toBe(200)
  return response.body ?? expect.unreachable()
}

describe.each([
  { by: 'the notification', pollMs: NEVER, silent: false },
  { by: 'the poll', pollMs: 50, silent: true },
])('GET /tasks/:id/events ends by $by when', ({ pollMs, silent }) => {
  let now: World
  beforeAll(async () => {
    now = await world(pollMs)
    if (silent)
      await now.database.db.execute(sql`create or replace function notify_access() returns trigger
      language plpgsql as $$ begin return null; end $$`)
  })
  afterAll(async () => {
    await now.api.close()
    await now.database[Symbol.asyncDispose]()
  })

  test.each(Object.entries(losses))('%s', async (_, { who, lose }) => {
    await updateSettings(now.database.db, { tasksVisibleTo: 'environment' }, SERVER)
    now = { ...now, people: await seedPeople(now.database.db) }
    const objects = await seedObjects(now.database.db, now.people)
    const person = await personOf(now, who)
    const owner = now.people.of.get('owner') ?? expect.unreachable()
    const path = `/tasks/${objects.taskId}/events`
    const [stream, other] = [readSse(await follow(now, person, path)), readSse(await follow(now, owner, path))]
    await Promise.all([stream.next(), other.next()])
    await lose(now, person, objects)
    // Without `event: end`: the task goes on, for others.
    expect(await stream.next()).toEqual({ done: true, value: undefined })
    let isOver = false
    const waiting = other.next().then(() => (isOver = true))
    const again = await fetch(`${now.api.url}/api/v1${path}`, { headers: { authorization: `Bearer ${person.token}` } })
    expect([401, 404]).toContain(again.status)
    expect(isOver).toBe(false)
    // Ends with its person, too.
    await now.database.db.update(apiTokens).set({ revokedAt: new Date() }).where(eq(apiTokens.id, owner.tokenId))
    await waiting
  })
})

test('a ledger breaks off for who has lost the right while it was read', async () => {
  const lost = new AbortController()
  let watchers = 0
  const watch = () => {
    watchers++
    return { signal: lost.signal, [Symbol.dispose]: () => void watchers-- }
  }
  await using api = await testApi({ access: { watch } })
  const { db } = api.database
  const people = await seedPeople(db)
  const { attemptId } = await seedObjects(db, people)
  await db.execute(sql`
    insert into ledger (sandbox, seq, attempt_id, at, phase, layer, verdict, bytes_up, bytes_down, policy_version)
    select 's', n, ${attemptId}, now(), 'agent', 'http', 'allow', 0, 0, 1 from generate_series(1, 1500) n`)
  const authorization = `Bearer ${people.of.get('maker')?.token}`
  const path = `/api/v1/attempts/${attemptId}/ledger?format=jsonl`
  const { body } = await api.app.request(path, { headers: { authorization } })
  const reader = body?.getReader() ?? expect.unreachable()
  expect((await reader.read()).done).toBe(false)
  expect(watchers).toBe(1)
  lost.abort()
  await expect(reader.read()).rejects.toThrow('403 - Unauthorized')
})
