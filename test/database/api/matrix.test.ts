import { SERVER } from '../../../domain/audit/actions.ts'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createSession } from '../../../domain/access/sessions.ts'
import { createToken } from '../../../domain/access/tokens.ts'
import { hasCode } from '../../../domain/errors.ts'
import { updateSettings } from '../../../domain/settings/settings.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { KINDS, seedObjects, seedPeople } from '../../support/people.ts'
import type { Kind, Objects, People } from '../../support/people.ts'
import { OF_CREATOR, TABLE } from './matrix-tables.ts'

/** Where the Codex CLI looks. */
const CODEX = ['/api/codex', '/backend-api/wham', '/wham']
const CODEX_TASKS = CODEX.map((prefix) => `POST ^${prefix}/tasks`)

type Row = { method: string; path: string; statuses: Record<Kind, number> }

function rowsOf(table: string): Row[] {
  const [head = '', ...lines] = table.trim().split('\n')
  const kinds = head.trim().split(/ +/)
  expect(kinds).toEqual([...KINDS])
  return lines.flatMap((line) => {
    const [method = '', path = '', ...statuses] = line.split(/ +/)
    expect(statuses, line).toHaveLength(kinds.length)
    const row = { method, statuses: Object.fromEntries(kinds.map((kind, i) => [kind, Number(statuses[i])])) }
    const paths = path.startsWith('@') ? CODEX.map((prefix) => `^${prefix}${path.slice(1)}`) : [path]
    return paths.map((each) => ({ ...row, path: each }))
  })
}

let api: TestApi
let people: People
beforeAll(async () => {
  api = await testApi({ keyring: parseKeyring([randomBytes(32).toString('base64')]), inspectionWaitMs: 0 })
  people = await seedPeople(api.database.db)
})
afterAll(() => api[Symbol.asyncDispose]())

let made = 0
const fresh = () => `m${++made}`
const tokenOf = (kind: Kind) => people.of.get(kind)?.token

type Request = { path?: Record<string, string>; body?: unknown; before?: () => Promise<unknown> }

/** What a route is asked with. `{id}` is an object of the kind that the path says. */
function requestOf({ method, path }: Row, objects: Objects): Request {
  const asAdmin = (...[verb, at, body]: [string, string, unknown?]) =>
    send(verb, `/api/v1${at}`, { token: tokenOf('owner'), body })
  const name = fresh()
  const provider = { name, wire: 'chat', baseUrl: 'https://models.test/v1', models: ['m'] }
  const id = idOf(path, objects)
  const requests: Record<string, Request> = {
    'POST /tasks': { body: { environment: objects.environmentName, mode: 'ask', prompt: 'x' } },
    'POST /tasks/{id}/turns': { body: { prompt: 'x' } },
    'POST /environments': { body: { name, repository: '/srv/x' } },
    'PATCH /environments/{id}': { body: { description: 'x' } },
    'POST /environments/{id}/apply': { body: { commit: 'a'.repeat(40), accept: [] } },
    'PUT /environments/{id}/secrets/{name}': { path: { name: 'A' }, body: { kind: 'setup', value: 'x' } },
    'DELETE /environments/{id}/secrets/{name}': {
      path: { name: 'A' },
      before: () => asAdmin('PUT', `/environments/${id}/secrets/A`, { kind: 'setup', value: 'x' }),
    },
    'POST /repositories/inspect': { body: { repository: '/srv/x' } },
    'POST /providers': { body: provider },
    'PATCH /providers/{name}': {
      path: { name },
      body: { concurrency: 1 },
      before: () => asAdmin('POST', '/providers', provider),
    },
    'PUT /credentials/{name}': { path: { name }, body: { value: 'x' } },
    'DELETE /credentials/{name}': {
      path: { name },
      before: () => asAdmin('PUT', `/credentials/${name}`, { value: 'x' }),
    },
    'PATCH /settings': { body: {} },
    'PUT /me/forge-logins': { body: { forge: 'github', token: 'x' } },
    'POST ^/auth/device': { body: { client: name } },
    'POST ^/auth/device/token': { body: { device_code: name } },
    'POST /tokens': { body: { name, scopes: ['read'] } },
    ...Object.fromEntries(CODEX_TASKS.map((route) => [route, { body: codexTask(objects.environmentName) }])),
    'POST /users': { body: { kind: 'person', name, email: 'new@example.test', role: 'viewer' } },
    'PATCH /users/{id}': { body: { name } },
    'POST /users/{id}/tokens': { body: { name, scopes: ['read'] } },
    'POST /groups': { body: { name } },
    'PATCH /groups/{id}': { body: { description: 'x' } },
    'POST /sign-in-providers': { body: signInProvider(name) },
    'PATCH /sign-in-providers/{name}': {
      path: { name },
      body: { displayName: 'x' },
      before: () => asAdmin('POST', '/sign-in-providers', signInProvider(name)),
    },
    'POST /roles': { body: { name, permissions: [] } },
    'PATCH /roles/{id}': { body: { description: 'x' } },
  }
  const known = requests[`${method} ${path}`]
  if (known === undefined && path === '/providers/{name}') {
    return { path: { name }, before: () => asAdmin('POST', '/providers', provider) }
  }
  if (known === undefined && path === '/sign-in-providers/{name}') {
    return { path: { name }, before: () => asAdmin('POST', '/sign-in-providers', signInProvider(name)) }
  }
  const { userId: user, groupId: group, attemptId: turn } = objects
  const others = { id, user, group, turn, owner: 'o', repo: 'r', provider: 'none', host: 'none' }
  return { ...known, path: { ...others, ...known?.path } }
}

/** For viewers: nobody gives more than they have, and `custom` has little. */
const signInProvider = (name: string) => {
  return { name, issuer: 'https://id.test', clientId: 'drydock', clientSecret: 'x', defaultRole: 'viewer' }
}

const codexTask = (environment: string) => ({
  new_task: { environment_id: environment, branch: 'main', run_environment_in_qa_mode: false },
  input_items: [{ type: 'message', role: 'user', content: [{ content_type: 'text', text: 'x' }] }],
})

function idOf(path: string, { environmentId, taskId, attemptId, userId, groupId, roleId }: Objects): string {
  if (path.includes('/tasks/')) return taskId
  if (path.startsWith('/attempts')) return attemptId
  if (path.startsWith('/environments')) return environmentId
  if (path.startsWith('/users')) return userId
  if (path.startsWith('/groups')) return groupId
  if (path.startsWith('/roles')) return roleId
  return 'none'
}

type Sent = { token?: string | undefined; body?: unknown }

async function send(method: string, path: string, { token, body }: Sent) {
  const response = await api.app.request(path, {
    method,
    headers: {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      // As a page of this server would.
      origin: 'http://localhost',
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  const isStream = response.headers.get('content-type') === 'text/event-stream'
  if (isStream) await response.body?.cancel()
  return { status: response.status, text: isStream ? '' : await response.text(), headers: response.headers }
}

async function ask(row: Row, kind: Kind, change: (path: string) => string = (path) => path) {
  const objects = await seedObjects(api.database.db, people)
  const { path: params = {}, body, before } = requestOf(row, objects)
  if (row.path === '/tokens/{id}') params['id'] = await tokenOfMaker()
  if (row.path === '/sessions/{id}') params['id'] = await sessionOfMaker()
  if (row.path.endsWith('/tokens/{token}')) params['token'] = await tokenOfUser(objects.userId)
  await before?.()
  const named = row.path.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? '')
  const path = named.startsWith('^') ? named.slice(1) : `/api/v1${named}`
  return { ...(await send(row.method, change(path), { token: tokenOf(kind), body })), objects, id: params['id'] ?? '' }
}

async function tokenOfMaker(): Promise<string> {
  const made = await send('POST', '/api/v1/tokens', { token: tokenOf('maker'), body: { name: 'more' } })
  return (JSON.parse(made.text) as { id: string }).id
}

async function sessionOfMaker(): Promise<string> {
  const { db } = api.database
  const { userId = '', tokenId = '' } = people.of.get('maker') ?? {}
  return (await createSession(db, { userId, by: { tokenId } })).id
}

const tokenOfUser = async (userId: string) =>
  (await createToken(api.database.db, { by: SERVER, userId, name: 'more', scopes: ['read'] })).view.id

async function assertRow(row: Row) {
  api.errors.length = 0
  for (const kind of KINDS) {
    const { status, text } = await ask(row, kind)
    expect(status, `${kind} ${text}`).toBe(row.statuses[kind])
    if (status === 403) {
      expect(JSON.parse(text)).toMatchObject({ detail: '403 - Unauthorized. Contact your administrator for access.' })
    }
  }
  // That no runner looks into repositories, and that there is no gateway, is as it should be here.
  expect(api.errors.filter((error) => !hasCode(error, 'runner-unavailable', 'gateway-unavailable'))).toEqual([])
}

const rows = rowsOf(TABLE)

test('the table has every route of the running app, and so has its description', async () => {
  const registered = api.app.routes
    .filter(({ method, path }) => method !== 'ALL' || path !== '/*')
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
  const named = rows.map(({ method, path }) => `${method} ${path.startsWith('^') ? path.slice(1) : `/api/v1${path}`}`)
  expect([...new Set(registered)].toSorted()).toEqual(named.toSorted())
  const { text } = await send('GET', '/api/v1/openapi.json', {})
  const { paths } = JSON.parse(text) as { paths: Record<string, object> }
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect([...described, 'GET /api/v1/openapi.json'].toSorted()).toEqual(named.toSorted())
})

test.each(rows.map((row) => [`${row.method} ${row.path}`, row] as const))('%s', async (_, row) => {
  await updateSettings(api.database.db, { tasksVisibleTo: 'environment' }, SERVER)
  await assertRow(row)
})

test.each(rowsOf(OF_CREATOR).map((row) => [`${row.method} ${row.path}`, row] as const))(
  '%s where tasks are visible to their creators',
  async (_, row) => {
    await updateSettings(api.database.db, { tasksVisibleTo: 'creator' }, SERVER)
    await assertRow(row)
  },
)

const NONE = '0123456789abcdef'
const hiding = rows.filter(({ path, statuses }) => path.includes('{id}') && statuses['stranger'] === 404)

test.each(hiding.map((row) => [`${row.method} ${row.path}`, row] as const))(
  '%s answers for what is hidden as for what is not there, but for the id',
  async (_, row) => {
    const hidden = await ask(row, 'stranger')
    const missing = await ask(row, 'stranger', (path) =>
      path.replace(/(?<=\/(tasks|attempts|environments|tokens|sessions)\/)\w+/, NONE),
    )
    expect([hidden.status, hidden.text.replaceAll(hidden.id, NONE)]).toEqual([missing.status, missing.text])
    const names = ({ headers }: typeof hidden) => [...headers.keys()]
    expect(names(hidden)).toEqual(names(missing))
  },
)

const lists = rows.filter(
  ({ method, path }) =>
    method === 'GET' && !path.includes('{') && (!path.startsWith('^') || /\/(environments|tasks\/list)$/.test(path)),
)

test.each(lists.map((row) => [row.path, row] as const))('GET %s shows strangers nothing of it', async (_, row) => {
  await updateSettings(api.database.db, { tasksVisibleTo: 'environment' }, SERVER)
  for (const kind of ['viewer', 'stranger', 'service', 'custom']) {
    const { text, objects } = await ask(row, kind)
    // Who manages members sees them.
    const { userId, groupId, roleId, ...rest } = objects
    const hidden = kind === 'custom' ? rest : { ...rest, userId, groupId, roleId }
    for (const secret of Object.values(hidden)) expect(text).not.toContain(secret)
  }
  if (['/tasks', '/environments', '/repositories'].includes(row.path)) {
    const { text, objects } = await ask(row, 'grouped')
    expect(text).toContain(objects.environmentId)
  }
})
