import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testApi } from '../../support/api.ts'
import type { Call, TestApi } from '../../support/api.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

const RUNS = 150

let api: TestApi
let call: Call
let taskId: string
let attemptId: string
beforeAll(async () => {
  api = await testApi()
  const person = await api.person()
  call = person.call
  const environmentId = await seedEnvironment(api.database.db, { name: 'real' })
  const seeded = await seedTask(api.database.db, { userId: person.userId, environmentId })
  taskId = seeded.taskId
  attemptId = seeded.attemptIds[0] ?? ''
})
afterAll(() => api[Symbol.asyncDispose]())

/** Text as an attacker writes it: NUL, half surrogates, quotes, huge numbers, beside plain text. */
const nasty = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    '\0',
    'a\0b',
    '\ud800',
    '\udfff\ud800',
    "'; drop table tasks; --",
    '9'.repeat(400),
    '-1',
    '1e999',
    'NaN',
  ),
  fc.constantFrom('../../etc/passwd', '%00', '__proto__', 'constructor', '\u202e', '\r\nx: y', 'real'),
)
const value = fc.oneof(nasty, fc.jsonValue(), fc.double(), fc.maxSafeInteger())
const taskFields = ['environment', 'mode', 'prompt', 'branch', 'attempts', 'agent', 'title', 'images', '__proto__']
const environmentFields = [
  ...['name', 'repository', 'description', 'image', 'agent', 'agentScript', 'agentUser', 'setupScript', 'variables'],
  ...[
    'policy',
    'publish',
    'holdFlagged',
    'publishUnlinked',
    'resources',
    'limits',
    'maxRunning',
    'model',
    'provider',
    'budgetTokens',
  ],
]

/** A request that would do, with some of its fields replaced. */
const spoiled = (good: Record<string, unknown>, fields: string[]) =>
  fc.dictionary(fc.constantFrom(...fields), value, { maxKeys: 3 }).map((bad) => ({ ...good, ...bad }))

/** Never our fault: an answer, or a problem document with a sentence. */
function assertAnswered({ status, text, json }: Awaited<ReturnType<Call>>) {
  expect(api.errors).toEqual([])
  expect(status).toBeLessThan(500)
  if (status >= 400) expect(json, text).toMatchObject({ status, detail: expect.stringMatching(/^Cannot /) as unknown })
}

test('POST /tasks answers any fields without a fault of its own', async () => {
  const good = { environment: 'real', mode: 'code', prompt: 'x' }
  await fc.assert(
    fc.asyncProperty(spoiled(good, taskFields), async (body) => assertAnswered(await call('POST', '/tasks', body))),
    { numRuns: RUNS },
  )
})

test('POST and PATCH /environments answer any fields without a fault of their own', async () => {
  let n = 0
  const good = { repository: '/srv/a' }
  const body = spoiled(good, environmentFields)
  await fc.assert(
    fc.asyncProperty(body, async (fields) => {
      assertAnswered(await call('POST', '/environments', { name: `e${n++}`, ...fields }))
      assertAnswered(await call('PATCH', '/environments/real', { ...fields, name: 'real' }))
    }),
    { numRuns: RUNS },
  )
})

test('PATCH /settings and POST /tokens answer any fields without a fault of their own', async () => {
  const settings = spoiled({}, [
    ...['publicUrl', 'allowedRegistries', 'gitAllowedHosts', 'networkCeiling', 'networkDeny', 'memberInternet'],
    ...['redactQueries', 'upstreamCas', 'upstreamProxy', 'staticHosts'],
  ])
  const token = spoiled({ name: 'x' }, ['name', 'scopes', 'expiresAt'])
  await fc.assert(
    fc.asyncProperty(settings, token, async (patch, made) => {
      assertAnswered(await call('PATCH', '/settings', patch))
      assertAnswered(await call('POST', '/tokens', made))
    }),
    { numRuns: RUNS },
  )
})

test('every route answers any identifier, query and body text without a fault of its own', async () => {
  const id = fc.oneof(
    nasty.map((text) => encodeURIComponent(text.toWellFormed())),
    fc.constantFrom('%00', '%ff', '%', '..%2f..', 'ａｂｃ'),
  )
  const query = fc.dictionary(fc.constantFrom('cursor', 'limit', 'environment', 'state', 'after'), nasty, {
    maxKeys: 2,
  })
  const route = fc.constantFrom<[string, (id: string) => string]>(
    ['GET', (text) => `/tasks/${text}`],
    ['POST', (text) => `/tasks/${text}/cancel`],
    ['GET', (text) => `/attempts/${text}/diff`],
    ['GET', (text) => `/attempts/${text}/ledger`],
    ['POST', (text) => `/attempts/${text}/pull-request`],
    ['GET', (text) => `/environments/${text}`],
    ['DELETE', (text) => `/environments/x${text}`],
    ['DELETE', (text) => `/tokens/${text}`],
    ['GET', () => '/tasks'],
    ['GET', () => `/attempts/${attemptId}/diff`],
    ['POST', () => `/attempts/${attemptId}/pull-request`],
    ['POST', () => '/tasks'],
  )
  await fc.assert(
    fc.asyncProperty(route, id, query, fc.option(nasty), async ([method, path], text, asked, body) => {
      const search = new URLSearchParams(
        Object.fromEntries(Object.entries(asked).map(([k, v]) => [k, v.toWellFormed()])),
      ).toString()
      const sent = method === 'GET' || body === null ? undefined : body
      assertAnswered(await call(method, `${path(text)}?${search}`, sent))
    }),
    { numRuns: 4 * RUNS },
  )
})

test('a task survives what was tried on it', async () => {
  expect((await call('GET', `/tasks/${taskId}`)).status).toBe(200)
})
