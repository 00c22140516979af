import { randomBytes } from 'node:crypto'
import { and, eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ChangedEnvironmentJson, EnvironmentJson } from '../../../api/schemas/environment.ts'
import type { TaskPageJson } from '../../../api/schemas/task.ts'
import type { Permission } from '../../../domain/access/permissions.ts'
import { users } from '../../../domain/schema.ts'
import { environmentGroups, groupMembers } from '../../../domain/schema/access.ts'
import { environmentSecrets } from '../../../domain/schema/secrets.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { seedEnvironment, seedGroup, seedTask } from '../../support/seed.ts'

let api: TestApi
beforeAll(async () => {
  api = await testApi({ keyring: parseKeyring([randomBytes(32).toString('base64')]) })
})
afterAll(() => api[Symbol.asyncDispose]())

const FORBIDDEN = [403, '403 - Unauthorized. Contact your administrator for access.']
const db = () => api.database.db
let made = 0

/** Somebody whose rights come from a group. */
async function personWith(...permissions: Permission[]) {
  const person = await api.person('member')
  const groupId = await seedGroup(db(), { members: [person.userId], permissions })
  return { ...person, groupId }
}

/** An environment of somebody who may make them. */
async function ownEnvironment(settings: Record<string, unknown> = {}) {
  const owner = await personWith('environments.manage')
  const name = `own-${++made}`
  const { status, json, text } = await owner.call<EnvironmentJson>('POST', '/environments', {
    ...{ name, repository: `/srv/${name}` },
    ...settings,
  })
  expect(status, text).toBe(201)
  return { owner, name, id: json.id, path: `/environments/${json.id}`, json }
}

async function verified(email: string) {
  const person = await api.person('member')
  await db().update(users).set({ email, emailVerified: true }).where(eq(users.id, person.userId))
  return person
}

test('an environment is for the whole workspace unless somebody says otherwise', async () => {
  const { json, path } = await ownEnvironment()
  expect(json).toMatchObject({ visibility: 'workspace', groups: [], collaborators: [] })
  const member = await api.person('member')
  const { json: seen } = await member.call('GET', path)
  expect(seen).toMatchObject({ visibility: 'workspace' })
  // With whom it is shared is for those who may change that.
  expect([seen.groups, seen.collaborators]).toEqual([undefined, undefined])
})

test('a private one is for its owner and administrators; for all others there is none', async () => {
  const { owner, path, name, id } = await ownEnvironment({ visibility: 'private' })
  const stranger = await api.person('member')
  const missing = await stranger.call('GET', '/environments/nothing')
  for (const asked of [id, name]) {
    const { status, json } = await stranger.call('GET', `/environments/${asked}`)
    expect([status, json.detail]).toEqual([404, String(missing.json.detail).replace('nothing', asked)])
  }
  const list = await stranger.call('GET', '/environments')
  expect(list.text).not.toContain(name)
  expect((await stranger.call('GET', '/repositories')).text).not.toContain(name)
  const task = { environment: name, mode: 'ask', prompt: 'x' }
  expect((await stranger.call('POST', '/tasks', task)).json.code).toBe('environment-not-found')
  expect((await stranger.call('GET', `/tasks?environment=${name}`)).json.code).toBe('environment-not-found')
  for (const person of [owner, await api.person('admin')]) {
    expect((await person.call('GET', path)).status).toBe(200)
    expect((await person.call('GET', '/environments')).text).toContain(name)
    expect((await person.call('GET', '/repositories')).text).toContain(name)
  }
  // The name is taken for everybody; that is all there is to learn.
  const maker = await personWith('environments.manage')
  const again = await maker.call('POST', '/environments', { name, repository: '/srv/other' })
  expect([again.status, again.json.detail]).toEqual([409, `Cannot save environment: the name "${name}" is taken`])
})

test('an environment that is named like the id of a hidden one is found all the same', async () => {
  const hidden = await ownEnvironment({ visibility: 'private' })
  const maker = await personWith('environments.manage')
  const body = { name: hidden.id, repository: '/srv/other' }
  const { json } = await maker.call<EnvironmentJson>('POST', '/environments', body)
  expect((await maker.call('GET', `/environments/${hidden.id}`)).json.id).toBe(json.id)
  expect((await hidden.owner.call('GET', `/environments/${hidden.id}`)).json.id).toBe(hidden.id)
})

test('a group may use what is shared with it, while it is', async () => {
  const { owner, path } = await ownEnvironment({ visibility: 'private' })
  const friend = await api.person('member')
  const groupId = await seedGroup(db(), { name: `friends-${made}`, members: [friend.userId, owner.userId] })
  const shared = await owner.call<EnvironmentJson>('PATCH', path, { visibility: 'groups', groups: [`friends-${made}`] })
  expect(shared.json.groups).toEqual([{ id: groupId, name: `friends-${made}` }])
  expect((await friend.call('GET', path)).status).toBe(200)
  expect((await friend.call('PATCH', path, { description: 'x' })).status).toBe(403)
  await owner.call('PATCH', path, { visibility: 'private' })
  expect((await friend.call('GET', path)).status).toBe(404)
  await owner.call('PATCH', path, { visibility: 'groups' })
  expect((await friend.call('GET', path)).status).toBe(200)
  await db().delete(groupMembers).where(eq(groupMembers.userId, friend.userId))
  expect((await friend.call('GET', path)).status).toBe(404)
})

test('nobody shares with a group that they do not see; it looks like one that is not there', async () => {
  const { owner, path } = await ownEnvironment()
  const foreign = await seedGroup(db(), { name: `foreign-${made}` })
  for (const named of [foreign, `foreign-${made}`, 'nothing']) {
    const { status, json } = await owner.call('PATCH', path, { groups: [named] })
    expect([status, json.detail]).toEqual([404, `Cannot find group "${named}": there is none that you may see`])
  }
  // What an administrator added stays nameable.
  const admin = await api.person('admin')
  expect((await admin.call('PATCH', path, { groups: [foreign] })).status).toBe(200)
  expect((await owner.call('PATCH', path, { groups: [foreign] })).status).toBe(200)
})

test('a collaborator uses and edits, deletes and shares not; only a verified e-mail counts, in any case', async () => {
  const { owner, path } = await ownEnvironment({ visibility: 'private', collaborators: ['Grace@Example.Test'] })
  expect((await owner.call('GET', path)).json.collaborators).toEqual(['grace@example.test'])
  const grace = await verified('gRACE@example.test')
  expect((await grace.call('GET', path)).json.collaborators).toEqual(['grace@example.test'])
  expect((await grace.call('PATCH', path, { description: 'x' })).status).toBe(200)
  for (const change of [{ visibility: 'workspace' }, { collaborators: [] }, { groups: [] }]) {
    const { status, json } = await grace.call('PATCH', path, change)
    expect([status, json.detail]).toEqual(FORBIDDEN)
  }
  expect((await grace.call('DELETE', path)).status).toBe(403)
  const claimed = await api.person('member')
  await db().update(users).set({ email: 'grace@example.test' }).where(eq(users.id, claimed.userId))
  expect((await claimed.call('GET', path)).status).toBe(404)
  const alike = await verified('grace@example.te\u017ft')
  expect((await alike.call('GET', path)).status).toBe(404)
})

test.each<[string, Record<string, unknown>, Record<string, unknown>, boolean]>([
  ['private to workspace', { visibility: 'private' }, { visibility: 'workspace' }, true],
  ['a collaborator more', {}, { collaborators: ['a@example.test'] }, true],
  ['a collaborator less', { collaborators: ['a@example.test'] }, { collaborators: [] }, false],
  [
    'the same collaborator in capitals',
    { collaborators: ['a@example.test'] },
    { collaborators: ['A@EXAMPLE.test'] },
    false,
  ],
  ['workspace to private', {}, { visibility: 'private' }, false],
  ['a description', {}, { description: 'x' }, false],
])('secrets are cleared when more people may use the environment: %s', async (_, before, change, isCleared) => {
  const { owner, path, id } = await ownEnvironment(before)
  for (const name of ['A', 'B']) await owner.call('PUT', `${path}/secrets/${name}`, { kind: 'setup', value: 'x' })
  const { status, json } = await owner.call<ChangedEnvironmentJson>('PATCH', path, change)
  expect([status, json.clearedSecrets]).toEqual([200, isCleared ? ['A', 'B'] : undefined])
  if (isCleared) expect(json.notice).toContain('A, B')
  expect(await db().$count(environmentSecrets, eq(environmentSecrets.environmentId, id))).toBe(isCleared ? 0 : 2)
})

test('a group that comes to an environment of groups clears its secrets, one that was there does not', async () => {
  const { owner, path, id } = await ownEnvironment({ visibility: 'private' })
  const [one, two] = [owner.groupId, await seedGroup(db(), { members: [owner.userId] })]
  const secrets = async () => db().$count(environmentSecrets, eq(environmentSecrets.environmentId, id))
  const put = () => owner.call('PUT', `${path}/secrets/A`, { kind: 'setup', value: 'x' })
  const steps: [Record<string, unknown>, number][] = [
    [{ groups: [one] }, 1],
    [{ visibility: 'groups' }, 0],
    [{ groups: [one] }, 1],
    [{ groups: [two] }, 0],
    [{ visibility: 'workspace' }, 0],
    [{ visibility: 'groups' }, 1],
  ]
  for (const [change, left] of steps) {
    await put()
    await owner.call('PATCH', path, change)
    expect(await secrets(), JSON.stringify(change)).toBe(left)
  }
})

test('secrets stay when an administrator says so, and nobody else can', async () => {
  const { owner, path, id } = await ownEnvironment({ visibility: 'private' })
  await owner.call('PUT', `${path}/secrets/A`, { kind: 'setup', value: 'x' })
  const wider = { visibility: 'workspace', keepSecrets: true }
  const refused = await owner.call('PATCH', path, wider)
  expect([refused.status, refused.json.detail]).toEqual(FORBIDDEN)
  const admin = await api.person('admin')
  expect((await admin.call<ChangedEnvironmentJson>('PATCH', path, wider)).json.clearedSecrets).toBeUndefined()
  const isThere = and(eq(environmentSecrets.environmentId, id), eq(environmentSecrets.name, 'A'))
  expect(await db().$count(environmentSecrets, isThere)).toBe(1)
})

test('who opens the network for agents has the right to, and the word of the workspace', async () => {
  const policy = { preset: 'common' }
  const admin = await api.person('admin')
  const [without, withRight] = [
    await ownEnvironment(),
    await personWith('environments.manage', 'environments.internet'),
  ]
  const name = `net-${++made}`
  const open = () => withRight.call('POST', '/environments', { name, repository: '/srv/net', policy })
  expect((await open()).status).toBe(403)
  await admin.call('PATCH', '/settings', { memberInternet: true })
  expect((await open()).status).toBe(201)
  const { status, json } = await without.owner.call('PATCH', without.path, { policy })
  expect([status, json.detail]).toEqual(FORBIDDEN)
  expect((await without.owner.call('PATCH', without.path, { policy: { preset: 'none' } })).status).toBe(200)
  await admin.call('PATCH', '/settings', { memberInternet: false })
  // What is open already may be sent again as it is, and be shut.
  const { json: now } = await withRight.call<EnvironmentJson>('GET', `/environments/${name}`)
  expect((await withRight.call('PATCH', `/environments/${name}`, { policy: now.policy })).status).toBe(200)
  expect((await withRight.call('PATCH', `/environments/${name}`, { policy: { preset: 'all' } })).status).toBe(403)
  expect((await withRight.call('PATCH', `/environments/${name}`, { policy: null })).status).toBe(200)
})

test('tasksVisibleTo: environment shows tasks to all who may use the environment, page by page', async () => {
  await using other = await testApi()
  const { db } = other.database
  const [ada, ben, cy] = [await other.person('member'), await other.person('member'), await other.person('member')]
  const groupId = await seedGroup(db, { members: [ben.userId] })
  const open = await seedEnvironment(db)
  const shut = await seedEnvironment(db, { visibility: 'groups', createdBy: ada.userId })
  await db.insert(environmentGroups).values({ environmentId: shut, groupId })
  const inOpen: string[] = []
  const inShut: string[] = []
  for (let i = 0; i < 3; i++) {
    inOpen.push((await seedTask(db, { userId: ada.userId, environmentId: open })).taskId)
    inShut.push((await seedTask(db, { userId: ada.userId, environmentId: shut })).taskId)
  }
  const own = (await seedTask(db, { userId: cy.userId, environmentId: shut })).taskId
  const listed = async (person: typeof ada, query = '') => {
    const ids: string[] = []
    let cursor = ''
    do {
      const path = `/tasks?limit=2${query}${cursor && `&cursor=${cursor}`}`
      const { json } = await person.call<TaskPageJson>('GET', path)
      ids.push(...json.data.map(({ id }) => id))
      cursor = json.nextCursor ?? ''
    } while (cursor)
    return ids
  }
  expect(await listed(ben)).toEqual([])
  await (await other.person('admin')).call('PATCH', '/settings', { tasksVisibleTo: 'environment' })
  const all = [...inOpen, ...inShut, own]
  expect((await listed(ben)).toSorted()).toEqual(all.toSorted())
  expect((await listed(ben, `&environment=${shut}`)).toSorted()).toEqual([...inShut, own].toSorted())
  expect((await listed(ben, '&state=failed')).toSorted()).toEqual([])
  expect(await listed(ben)).toEqual(await listed(await other.person('admin')))
  // Cy is in no group: the own task is there, whatever became of its environment.
  expect((await listed(cy)).toSorted()).toEqual([...inOpen, own].toSorted())
  expect((await cy.call('GET', `/tasks/${inShut[0]}`)).status).toBe(404)
  expect((await cy.call('GET', `/tasks/${inOpen[0]}`)).status).toBe(200)
  expect((await cy.call('GET', `/tasks/${own}`)).status).toBe(200)
  expect((await cy.call('POST', `/tasks/${own}/turns`, { prompt: 'x' })).status).toBe(403)
})
