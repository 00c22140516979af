import { expect, test } from 'vitest'
import type { ApiDeps } from '../../api/context.ts'
import { appWith, bearer, post, problem } from '../support/bare-api.ts'

test('createApp() answers /healthz without a token, at the root and below /api/v1', async () => {
  for (const path of ['/healthz', '/api/v1/healthz']) {
    const response = await appWith().app.request(path)
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok', version: '1.2.3' }])
  }
})

test('createApp() describes every path of the interface in OpenAPI 3.1', async () => {
  const response = await appWith().app.request('/api/v1/openapi.json')
  const document = (await response.json()) as { openapi: string; paths: Record<string, object> }
  expect(document.openapi).toBe('3.1.0')
  const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path.replace('/api/v1', '')}`),
  )
  expect(routes).toEqual(
    expect.arrayContaining([
      'post /tasks',
      'get /tasks',
      'get /tasks/{id}',
      'post /tasks/{id}/cancel',
      'post /tasks/{id}/turns',
      'get /tasks/{id}/events',
      'get /attempts/{id}/diff',
      'get /attempts/{id}/ledger',
      'post /attempts/{id}/pull-request',
      'post /environments',
      'get /environments',
      'get /environments/{id}',
      'patch /environments/{id}',
      'delete /environments/{id}',
      'get /repositories',
      'get /providers',
      'post /providers',
      'get /providers/{name}',
      'patch /providers/{name}',
      'delete /providers/{name}',
      'get /credentials',
      'put /credentials/{name}',
      'delete /credentials/{name}',
      'post /keys/rewrap',
      'get /settings',
      'patch /settings',
      'post /tokens',
      'get /tokens',
      'delete /tokens/{id}',
      'get /healthz',
      'get /readyz',
      'get /metrics',
    ]),
  )
})

test.each([
  ['no token', {}],
  ['another scheme', { authorization: 'Basic good' }],
  ['an unknown token', { authorization: 'Bearer bad' }],
  ['an empty token', { authorization: 'Bearer ' }],
])('createApp() answers 401 for %s', async (_, headers) => {
  const { app } = appWith()
  const response = await app.request('/api/v1/tasks', { headers: headers as Record<string, string> })
  expect(response.status).toBe(401)
  expect(response.headers.get('www-authenticate')).toBe('Bearer')
  expect((await problem(response)).code).toBe('unauthorized')
})

test('createApp() does not say without a token which paths below /api/v1 exist', async () => {
  expect((await appWith().app.request('/api/v1/nothing')).status).toBe(401)
  expect((await appWith().app.request('/metrics')).status).toBe(401)
})

test.each(['/nothing', '/api/v1/nothing', '/api/v1/tasks/a/b/c'])('createApp() answers 404 for %s', async (path) => {
  const response = await appWith().app.request(path, { headers: bearer })
  expect(response.status).toBe(404)
  expect((await problem(response)).code).toBe('not-found')
})

test('createApp() answers 405 with the methods of a path that exists', async () => {
  const response = await appWith().app.request('/api/v1/tasks', { method: 'PUT', headers: bearer })
  expect(response.status).toBe(405)
  expect(response.headers.get('allow')?.split(', ').sort()).toEqual(['GET', 'POST'])
  expect((await problem(response)).code).toBe('method-not-allowed')
})

test('createApp() answers 400 for a body that is not JSON', async () => {
  const response = await post('/api/v1/tasks', '{"environment":')
  expect(response.status).toBe(400)
  expect((await problem(response)).code).toBe('malformed-request')
})

test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
  'createApp() answers 415 for a body of type %s, which a foreign page could send',
  async (type) => {
    const response = await post('/api/v1/tasks', '{}', { 'content-type': type })
    expect(response.status).toBe(415)
    expect((await problem(response)).code).toBe('unsupported-media-type')
  },
)

test('createApp() answers 413 for a body over 4 MiB, with or without a length', async () => {
  const large = JSON.stringify({ prompt: 'x'.repeat(4 * 1024 * 1024) })
  const response = await post('/api/v1/tasks', large, { 'content-length': String(large.length) })
  expect([response.status, (await problem(response)).code]).toEqual([413, 'request-too-large'])
  const streamed = await post('/api/v1/tasks', large)
  expect(streamed.status).toBe(413)
})

test('createApp() takes more than 4 MiB only with pictures, and never more than 32 MiB', async () => {
  const large = (images: unknown, bytes: number) =>
    post('/api/v1/tasks', JSON.stringify({ images, prompt: 'x'.repeat(bytes) }))
  expect((await large([], 5 * 1024 * 1024)).status).toBe(422)
  expect((await large([], 32 * 1024 * 1024)).status).toBe(413)
  expect((await post('/api/v1/environments', JSON.stringify({ images: 'x'.repeat(5 * 1024 * 1024) }))).status).toBe(413)
})

const task = { environment: 'e', mode: 'code', prompt: 'do it' }

test.each([
  ['an empty prompt', { ...task, prompt: '' }, 'prompt'],
  ['a prompt of spaces', { ...task, prompt: ' \n\t ' }, 'prompt'],
  ['a prompt with NUL', { ...task, prompt: 'a\0b' }, 'prompt'],
  ['a prompt with half a surrogate pair', { ...task, prompt: 'a\ud800' }, 'prompt'],
  ['no prompt', { environment: 'e', mode: 'code' }, 'prompt'],
  ['an unknown mode', { ...task, mode: 'review' }, 'mode'],
  ['no attempts', { ...task, attempts: 0 }, 'attempts'],
  ['five attempts', { ...task, attempts: 5 }, 'attempts'],
  ['half an attempt', { ...task, attempts: 1.5 }, 'attempts'],
  ['attempts as text', { ...task, attempts: '2' }, 'attempts'],
  ['an unknown field', { ...task, promt: 'x' }, 'promt'],
  ['a branch that is an option', { ...task, branch: '--upload-pack=x' }, 'branch'],
  ['a branch that git refuses', { ...task, branch: 'a..b' }, 'branch'],
  ['an image that is not base64', { ...task, images: [{ data: 'no base64!' }] }, 'images'],
  ['an image by URL', { ...task, images: [{ url: 'http://a.test/a.png' }] }, 'images'],
  ['five images', { ...task, images: Array(5).fill({ data: 'AAAA' }) }, 'images'],
  ['an image of 6 MiB', { ...task, images: [{ data: 'A'.repeat(8 * 1024 * 1024) }] }, 'images'],
  ['a title of two lines', { ...task, title: 'a\nb' }, 'title'],
  ['a list', [], 'expected object'],
  ['null', null, 'expected object'],
])('POST /tasks answers 422 for %s and names it', async (_, body, named) => {
  const response = await post('/api/v1/tasks', JSON.stringify(body))
  expect(response.status).toBe(422)
  const { code, detail } = await problem(response)
  expect(code).toBe('invalid-request')
  expect(detail).toContain(named)
})

test('POST /tasks answers 413 for a prompt over 256 KiB, counted in bytes', async () => {
  const response = await post('/api/v1/tasks', JSON.stringify({ ...task, prompt: 'ü'.repeat(128 * 1024 + 1) }))
  expect(response.status).toBe(413)
  const { code, detail } = await problem(response)
  expect([code, detail]).toEqual([
    'prompt-too-large',
    'Cannot create task: the prompt has 257 KiB, and 256 KiB are the most',
  ])
})

test.each([
  ['x-drydock-product', 'toaster'],
  ['idempotency-key', 'x'.repeat(256)],
])('POST /tasks answers 422 for the header %s: %s', async (name, value) => {
  expect((await post('/api/v1/tasks', JSON.stringify(task), { [name]: value })).status).toBe(422)
})

test.each(['limit=0', 'limit=-1', 'limit=101', 'limit=1e9', 'limit=x', 'state=done', 'stat=failed', 'cursor='])(
  'GET /tasks answers 422 for ?%s',
  async (query) => {
    const response = await appWith().app.request(`/api/v1/tasks?${query}`, { headers: bearer })
    expect((await problem(response)).code).toBe('invalid-request')
  },
)

test.each(['%00', '%ff', 'A', "x'y", 'a'.repeat(33), 'a'.repeat(5000)])(
  'GET /tasks/%s answers without asking the database',
  async (id) => {
    const response = await appWith().app.request(`/api/v1/tasks/${id}`, { headers: bearer })
    expect([404, 422]).toContain(response.status)
    await problem(response)
  },
)

test.each(['-1', '1.5', 'x', '9'.repeat(30)])('GET /tasks/:id/events answers 422 for Last-Event-ID %s', async (id) => {
  const headers = { ...bearer, 'last-event-id': id }
  const response = await appWith().app.request('/api/v1/tasks/abc/events', { headers })
  expect(response.status).toBe(422)
})

test('createApp() keeps what broke to itself and the log', async () => {
  const { app, errors } = appWith({ authenticate: async () => Promise.reject(new Error('password=hunter2')) })
  const response = await app.request('/api/v1/tasks', { headers: bearer })
  expect(response.status).toBe(500)
  expect(JSON.stringify(await problem(response))).not.toMatch(/hunter2|Error|at /)
  expect(errors).toHaveLength(1)
})

test.each([
  ['ECONNREFUSED', 503, 'database-unavailable'],
  ['57P01', 503, 'database-unavailable'],
  ['CONNECTION_CLOSED', 503, 'database-unavailable'],
  ['22021', 422, 'invalid-request'],
  ['42P01', 500, 'internal'],
])('createApp() tells a database error %s as %i', async (code, status, expected) => {
  const driver = Object.assign(new Error('driver'), { code })
  const { app } = appWith({ authenticate: async () => Promise.reject(new Error('Failed query', { cause: driver })) })
  const response = await app.request('/api/v1/tasks', { headers: bearer })
  expect([response.status, (await problem(response)).code]).toEqual([status, expected])
})

test('createApp() answers /readyz with 503 and a reason when the database does not answer', async () => {
  const db = { execute: async () => Promise.reject(new Error('connect ECONNREFUSED')) } as unknown as ApiDeps['db']
  const response = await appWith({ db }).app.request('/readyz')
  expect(response.status).toBe(503)
  expect((await problem(response)).code).toBe('database-unavailable')
})

test('createApp() gives each answer a request id, and takes a sane one of the caller', async () => {
  const { app } = appWith()
  const own = await app.request('/nothing')
  expect(own.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
  const given = await app.request('/nothing', { headers: { 'x-request-id': 'abc-123' } })
  expect(given.headers.get('x-request-id')).toBe('abc-123')
  const odd = await app.request('/nothing', { headers: { 'x-request-id': 'a b<script>' } })
  expect(odd.headers.get('x-request-id')).toMatch(/^[\w-]{36}$/)
})

test('createApp() sends security headers with successes and errors alike', async () => {
  for (const path of ['/healthz', '/nothing', '/api/v1/tasks']) {
    const { headers } = await appWith().app.request(path)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('access-control-allow-origin')).toBeNull()
  }
})

test('GET /tasks/:id/events says nothing of a follower that hung up while it waited', async () => {
  const facts = [{ id: 'a', creatorId: 'u', relation: 'user', audience: null }]
  const statement = { execute: () => Promise.resolve(facts) }
  const ofTask = { where: () => ({ prepare: () => statement }) }
  const removals = { orderBy: () => ({ limit: () => Promise.resolve([]) }) }
  const from = () => ({ innerJoin: () => ofTask, where: () => removals })
  const db = { select: () => ({ from }) } as unknown as ApiDeps['db']
  let isOver: () => void = () => undefined
  const over = new Promise<void>((resolve) => (isOver = resolve))
  const follow: ApiDeps['events']['follow'] = async function* (_task, _after, signal) {
    yield Buffer.from(': hello\n\n')
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
    setImmediate(isOver)
  }
  const { app, errors } = appWith({ db, events: { follow } })
  const { body } = await app.request('/api/v1/tasks/a/events', { headers: bearer })
  const reader = body?.getReader()
  await reader?.read()
  const waiting = reader?.read()
  await new Promise((resolve) => setImmediate(resolve))
  await reader?.cancel()
  await Promise.all([waiting, over])
  expect(errors).toEqual([])
})
