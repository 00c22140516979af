import { eq, sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { ForgeLoginJson } from '../../../api/schemas/forge-login.ts'
import { SERVER } from '../../../domain/audit/actions.ts'
import { DrydockError } from '../../../domain/errors.ts'
import { attempts, diffs } from '../../../domain/schema.ts'
import { updateSettings } from '../../../domain/settings/settings.ts'
import type { PushRight } from '../../../forge/forge.ts'
import { allEntries } from '../../support/audit.ts'
import { testApi } from '../../support/api.ts'
import type { Call, TestApi } from '../../support/api.ts'
import { Browser } from '../../support/browser.ts'
import { aForge } from '../../support/forge.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

const HOST = 'github.test'
const TOKEN = 'ghp_canary8Vn3Kd0Wz'
const EVE = { login: 'eve', id: 8 }
const refused = new DrydockError('repository-auth', 'Cannot look up the owner of the token: it is unknown.')

/** Accounts by token, and what the forge says of rights. */
const accounts = new Map([
  [TOKEN, { login: 'ada', id: 7 }],
  ['eves', EVE],
])
let right: PushRight | Error
const asked: [string, number][] = []
const forge = aForge({
  host: HOST,
  accountOf: async (token) => {
    const account = accounts.get(token)
    if (account === undefined) throw refused
    return account
  },
  pushRight: async (repository, { id }) => {
    asked.push([repository, id])
    if (right instanceof Error) throw right
    return right
  },
})

let api: TestApi
beforeAll(async () => void (api = await testApi({ forge })))
afterAll(() => api[Symbol.asyncDispose]())

let person: Awaited<ReturnType<TestApi['person']>>
let call: Call
beforeEach(async () => {
  await api.database.db.execute(sql`delete from forge_logins`)
  person = await api.person('admin')
  call = person.call
  right = 'push'
  asked.length = 0
})

const link = (token = TOKEN, by: Call = call) =>
  by<ForgeLoginJson & { code?: string; detail?: string }>('PUT', '/me/forge-logins', { forge: 'github', token })
const logins = async () => (await call<{ data: ForgeLoginJson[] }>('GET', '/me/forge-logins')).json.data
const lastEntry = async () => (await allEntries(api.database.db)).at(-1)

test('PUT /me/forge-logins links whom the forge names, writes it down and keeps no token', async () => {
  const { status, json } = await link()
  expect([status, json]).toEqual([200, { host: HOST, login: 'ada', id: 7, verifiedAt: expect.any(String) as string }])
  expect(await logins()).toEqual([json])
  expect(await lastEntry()).toMatchObject({
    ...{ action: 'forge-login.link', actorId: person.userId, targetId: person.userId, before: null },
    after: { host: HOST, login: 'ada', id: 7 },
  })
  const tables = await api.database.db.execute<{ name: string }>(
    sql`select tablename as name from pg_tables where schemaname = 'public'`,
  )
  const holding = async (text: string) => {
    const hits: string[] = []
    for (const { name } of tables) {
      const [row] = await api.database.db.execute<{ is: boolean }>(
        sql`select exists (select from ${sql.identifier(name)} t where t::text like ${`%${text}%`}) as is`,
      )
      if (row?.is) hits.push(name)
    }
    return hits
  }
  expect(await holding(TOKEN)).toEqual([])
  expect(await holding('ada,7')).toEqual(['forge_logins'])
})

test('another account takes the place of the one that was linked, and both are written down', async () => {
  await link()
  await link('eves')
  expect(await logins()).toMatchObject([EVE])
  expect(await lastEntry()).toMatchObject({ before: { login: 'ada', id: 7 }, after: EVE })
})

test('an account is linked to one person, whatever its login is called by then', async () => {
  await link()
  const other = await api.person('member')
  accounts.set('renamed', { login: 'ada-l', id: 7 })
  const { status, json } = await link('renamed', other.call)
  expect([status, json.code, json.detail]).toEqual([
    409,
    'login-taken',
    `Cannot link "ada-l" on ${HOST}: it is linked to somebody else here, who has to unlink it first`,
  ])
  expect((await call('DELETE', `/me/forge-logins/${HOST}`)).status).toBe(204)
  expect((await link('renamed', other.call)).status).toBe(200)
})

test('PUT /me/forge-logins refuses what is no token, and one that the forge does not know', async () => {
  for (const token of ['', 'a b', 'a\nb', 'ä', 'x'.repeat(1001)]) expect((await link(token)).status).toBe(422)
  const { status, json } = await link('unknown')
  expect([status, json.code]).toEqual([422, 'repository-auth'])
  expect(json.detail).toMatch(/^Cannot link a login: github\.test does not say whose/)
  expect(await logins()).toEqual([])
})

test('DELETE /me/forge-logins/{host} unlinks once, and writes down what', async () => {
  await link()
  expect((await call('DELETE', `/me/forge-logins/${HOST}`)).status).toBe(204)
  expect(await lastEntry()).toMatchObject({ action: 'forge-login.unlink', before: { host: HOST, login: 'ada', id: 7 } })
  expect((await call('DELETE', `/me/forge-logins/${HOST}`)).status).toBe(404)
})

test("who manages members sees and unlinks others' logins, within their own rights", async () => {
  const [member, admin, owner] = [await api.person('member'), await api.person('admin'), await api.person('owner')]
  const path = `/users/${member.userId}/forge-logins`
  await link(TOKEN, member.call)
  expect(await admin.call('GET', path)).toMatchObject({ status: 200, json: { data: [{ host: HOST, login: 'ada' }] } })
  for (const [method, of] of [['GET', path] as const, ['DELETE', `${path}/${HOST}`] as const]) {
    expect((await member.call(method, of)).status).toBe(403)
  }
  expect((await admin.call('DELETE', `${path}/${HOST}`)).status).toBe(204)
  expect(await lastEntry()).toMatchObject({ action: 'forge-login.unlink', targetId: member.userId })
  expect((await admin.call('GET', path)).json).toEqual({ data: [] })
  accounts.set('owners', { login: 'olga', id: 9 })
  await link('owners', owner.call)
  expect((await admin.call('DELETE', `/users/${owner.userId}/forge-logins/${HOST}`)).status).toBe(403)
  expect((await admin.call('DELETE', `/users/usr_none/forge-logins/${HOST}`)).status).toBe(404)
})

test('a session links and unlinks only a short time after its sign-in', async () => {
  const browser = new Browser(api.app)
  await browser.send('POST', '/auth/session', { body: { token: person.token } })
  const put = () => browser.send('PUT', '/api/v1/me/forge-logins', { body: { forge: 'github', token: TOKEN } })
  expect((await put()).status).toBe(200)
  await api.database.db.execute(sql`update sessions set created_at = now() - interval '15 minutes'`)
  const late = [await put(), await browser.send('DELETE', `/api/v1/me/forge-logins/${HOST}`)]
  for (const answer of late) {
    expect(await answer.json()).toMatchObject({
      ...{ status: 403, code: 'sign-in-too-old' },
      detail: expect.stringMatching(/^Cannot (un)?link a login: /) as string,
    })
  }
})

let made = 0
type Input = Parameters<typeof seedEnvironment>[1]
const environment = async (input: Input = {}) => {
  const name = `shop-${++made}`
  const address = `acme/${name}`
  const id = await seedEnvironment(api.database.db, {
    name,
    address,
    forge: 'github',
    publish: 'pull-request',
    ...input,
  })
  return { id, name, address }
}
const start = (name: string, mode = 'code') =>
  call<{ id: string; code?: string; detail?: string }>('POST', '/tasks', { environment: name, mode, prompt: 'x' })

test('POST /tasks refuses who may not publish what would be published, in every way in which tasks come', async () => {
  await link()
  const { name, address, id } = await environment()
  const first = await start(name)
  expect(first.status).toBe(201)
  expect(asked).toEqual([[address, 7]])
  right = 'none'
  const { status, json } = await start(name)
  expect([status, json.code, json.detail]).toEqual([
    403,
    'push-refused',
    `Cannot publish to ${address}: ${HOST} does not let "ada" push there`,
  ])
  await api.database.db.update(attempts).set({ state: 'failed' }).where(eq(attempts.taskId, first.json.id))
  const turn = await call('POST', `/tasks/${first.json.id}/turns`, { prompt: 'more' })
  expect([turn.status, turn.json['code']]).toEqual([403, 'push-refused'])
  const codex = await api.app.request('/api/codex/tasks', {
    method: 'POST',
    headers: { authorization: `Bearer ${person.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      new_task: { environment_id: id, branch: 'main' },
      input_items: [{ type: 'message', role: 'user', content: [{ content_type: 'text', text: 'x' }] }],
    }),
  })
  expect([codex.status, await codex.json()]).toMatchObject([403, { code: 'push-refused' }])
})

test('POST /tasks asks nothing of a forge where nothing is published by itself', async () => {
  await link()
  right = 'none'
  expect((await start((await environment({ publish: 'manual' })).name)).status).toBe(201)
  expect((await start((await environment()).name, 'ask')).status).toBe(201)
  expect((await start((await environment({ forge: 'git', address: '/srv/x' })).name)).status).toBe(201)
  await updateSettings(api.database.db, { automaticPublishing: false }, SERVER)
  expect((await start((await environment()).name)).status).toBe(201)
  await updateSettings(api.database.db, { automaticPublishing: true }, SERVER)
  expect(asked).toEqual([])
  // The control: of a task that would be published it is asked.
  expect((await start((await environment()).name)).status).toBe(403)
})

test('POST /tasks does not wait for a forge that is away', async () => {
  await link()
  right = new DrydockError('forge-unavailable', 'Away.')
  expect((await start((await environment()).name)).status).toBe(201)
  expect(asked).toHaveLength(1)
})

test('unlinked people publish where the environment lets them, and nowhere else', async () => {
  expect((await start((await environment()).name)).status).toBe(201)
  const { name } = await environment({ publishUnlinked: false })
  const { status, json } = await start(name)
  expect([status, json.code]).toEqual([403, 'push-refused'])
  expect(json.detail).toContain('Link yours with "drydock forge link"')
  expect(asked).toEqual([])
  await link()
  expect((await start(name)).status).toBe(201)
})

test('PATCH /environments/{id} says whether unlinked people publish, and it is written down', async () => {
  const { id } = await environment()
  expect((await call('PATCH', `/environments/${id}`, { publishUnlinked: false })).json['publishUnlinked']).toBe(false)
  expect(await lastEntry()).toMatchObject({
    ...{ action: 'environment.update', before: { publishUnlinked: true }, after: { publishUnlinked: false } },
  })
})

async function succeeded(input: Input = {}) {
  const { db } = api.database
  const { id: environmentId, address } = await environment(input)
  const { taskId, attemptIds } = await seedTask(db, { userId: person.userId, environmentId })
  const id = attemptIds[0] ?? ''
  await db.update(attempts).set({ state: 'succeeded', branch: 'b', commit: 'c' }).where(eq(attempts.id, id))
  await db.insert(diffs).values({ attemptId: id, patch: Buffer.from('x'), files: 1, additions: 1, deletions: 0 })
  return { id, taskId, address }
}
const publish = (id: string) => call<{ code?: string; detail?: string }>('POST', `/attempts/${id}/pull-request`, {})

test('POST /attempts/{id}/pull-request asks the forge, and the audit log names both identities', async () => {
  await link()
  const { id, address } = await succeeded()
  right = 'none'
  const { status, json } = await publish(id)
  expect([status, json.code, json.detail]).toEqual([
    403,
    'push-refused',
    `Cannot publish to ${address}: ${HOST} does not let "ada" push there`,
  ])
  right = 'push'
  expect((await publish(id)).status).toBe(202)
  expect(await lastEntry()).toMatchObject({
    ...{ action: 'attempt.publish', actorId: person.userId, targetId: id },
    after: { onForge: { host: HOST, login: 'ada', id: 7 } },
  })
  const [row] = await api.database.db.select().from(attempts).where(eq(attempts.id, id))
  expect(row?.publishBy).toBe(person.userId)
})

test('POST /attempts/{id}/pull-request of unlinked people says so, and of plain git nothing', async () => {
  await publish((await succeeded()).id)
  expect((await lastEntry())?.after).toEqual({ confirmFlagged: false, onForge: 'unlinked' })
  const plain = await succeeded({ forge: 'git', address: '/srv/y' })
  await publish(plain.id)
  expect(await lastEntry()).toMatchObject({ targetId: plain.id, after: { confirmFlagged: false } })
  expect((await lastEntry())?.after).not.toHaveProperty('onForge')
  const strict = await succeeded({ publishUnlinked: false })
  expect((await publish(strict.id)).json.code).toBe('push-refused')
})

test('POST /attempts/{id}/pull-request leaves it to the runner while the forge is away', async () => {
  await link()
  right = new DrydockError('forge-unavailable', 'Away.')
  expect((await publish((await succeeded()).id)).status).toBe(202)
})
