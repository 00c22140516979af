import { createAdaptorServer } from '@hono/node-server'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { gatewayCaller } from '../../../api/model/gateway.ts'
import { sql } from 'drizzle-orm'
import { storeModelUsage } from '../../../domain/usage/store.ts'
import { SERVER } from '../../../domain/audit/actions.ts'
import { updateSettings } from '../../../domain/settings/settings.ts'
import type { SettingsChange } from '../../../domain/settings/settings.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { MODEL_KEY, localGateway, localGrant } from '../../support/local-gateway.ts'
import type { LocalGateway } from '../../support/local-gateway.ts'

const DENIED = '403 - Unauthorized. Contact your administrator for access.'
const BODY = { model: 'm', input: 'hello' }

let gateway: LocalGateway
let api: TestApi
let server: ReturnType<typeof createAdaptorServer>
let port: number
const stored: string[] = []
let isStored = () => {}

beforeAll(async () => {
  gateway = await localGateway()
  api = await testApi({ callGateway: gatewayCaller(gateway.openSocket) })
  server = createAdaptorServer({ fetch: api.app.fetch })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  void (async () => {
    for await (const record of gateway.records()) {
      await storeModelUsage(api.database.db, [record])
      if (record.ms !== null) stored.push(record.use?.person ?? '')
      isStored()
    }
  })()
})
afterAll(async () => {
  server.close()
  await api[Symbol.asyncDispose]()
  await gateway[Symbol.asyncDispose]()
})
beforeEach(() => {
  gateway.people.put({ providers: [localGrant()] })
  gateway.seen.length = 0
  gateway.answer((_seen, response) => response.end(JSON.stringify({ usage: { input_tokens: 30, output_tokens: 12 } })))
})

const set = (change: SettingsChange) => updateSettings(api.database.db, change, SERVER)

/** Resolves when so many requests of a person are over and stored. */
async function untilStored(userId: string, count: number): Promise<void> {
  while (stored.filter((id) => id === userId).length < count) await new Promise<void>((resolve) => (isStored = resolve))
}

type Asking = { headers?: OutgoingHttpHeaders; body?: string | Buffer; method?: string; path?: string }

async function ask(token: string, { headers, body = JSON.stringify(BODY), method = 'POST', path }: Asking = {}) {
  const outgoing = request({
    port,
    method,
    path: path ?? '/model/v1/responses',
    agent: false,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
  })
  outgoing.on('error', () => undefined)
  outgoing.end(method === 'GET' ? undefined : body)
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  return { outgoing, response, status: response.statusCode }
}

async function textOf({ response }: { response: IncomingMessage }): Promise<{ text: string; isCut: boolean }> {
  let text = ''
  try {
    for await (const part of response.setEncoding('utf8') as AsyncIterable<string>) text += part
    return { text, isCut: false }
  } catch {
    return { text, isCut: true }
  }
}

test('a request reaches the provider with the key of the installation, and nothing of the person', async () => {
  const { token, userId } = await api.person('member')
  gateway.answer((_seen, response) => {
    response.setHeader('set-cookie', 'a=b')
    response.setHeader('openai-organization', 'org')
    response.end(JSON.stringify({ id: 'r', usage: { input_tokens: 30, output_tokens: 12 } }))
  })
  const headers = { 'x-forwarded-for': '10.0.0.1', cookie: 'c=d', 'x-drydock-local': 'e30', 'openai-project': 'p' }
  const answer = await ask(token, { headers })
  expect(answer.status).toBe(200)
  expect((await textOf(answer)).text).toContain('"id":"r"')
  expect(answer.response.headers).not.toHaveProperty('set-cookie')
  expect(answer.response.headers).not.toHaveProperty('openai-organization')
  const [seen] = gateway.seen
  expect(seen?.headers.authorization).toBe(`Bearer ${MODEL_KEY}`)
  expect(Object.keys(seen?.headers ?? {}).toSorted()).toEqual(
    [
      'accept',
      'accept-encoding',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'user-agent',
    ].toSorted(),
  )
  expect(JSON.stringify(seen)).not.toContain(token)
  await untilStored(userId, 1)
  const rows = await api.database.db.execute(sql`select * from model_usage where user_id = ${userId}`)
  expect(rows).toMatchObject([
    {
      product: 'local',
      provider: 'main',
      model: 'm',
      status: 200,
      input_tokens: '30',
      output_tokens: '12',
      verdict: 'allow',
    },
  ])
})

test('the token may come as x-api-key; without the right nothing passes', async () => {
  const { token } = await api.person('member')
  const { token: viewer } = await api.person('viewer')
  const none = { authorization: '' }
  expect((await ask('', { headers: { ...none, 'x-api-key': token } })).status).toBe(200)
  const refused = await ask(viewer)
  expect(refused.status).toBe(403)
  expect(JSON.parse((await textOf(refused)).text)).toMatchObject({ detail: DENIED, error: { message: DENIED } })
  expect(gateway.seen).toHaveLength(1)
})

test('local use that is off is off for everybody', async () => {
  const { token } = await api.person('owner')
  await set({ localUse: false })
  expect((await ask(token)).status).toBe(403)
  await set({ localUse: true })
  expect((await ask(token)).status).toBe(200)
})

test.each([
  ['a hosted tool', { body: JSON.stringify({ ...BODY, tools: [{ type: 'web_search' }] }) }, 403],
  ['a key twice', { body: '{"model":"m","input":"x","store":false,"store":true}' }, 403],
  ['a body that is no JSON', { body: '{' }, 400],
  ['an encoded body', { headers: { 'content-encoding': 'gzip' } }, 415],
  ['another type', { headers: { 'content-type': 'text/plain' } }, 415],
  ['33 MiB', { body: Buffer.alloc(33 * 1024 * 1024, 32) }, 413],
  ['33 MiB in chunks', { body: Buffer.alloc(33 * 1024 * 1024, 32), headers: { 'transfer-encoding': 'chunked' } }, 413],
  ['a path that would be normalised', { path: '/model/v1/../v1/files' }, 404],
  ['an encoded path', { path: '/model/v1/responses%2f..%2ffiles' }, 404],
  ['another path of the provider', { path: '/model/v1/files' }, 404],
] as const)('%s never reaches the provider', async (_, asking, status) => {
  const { token } = await api.person('member')
  const answer = await ask(token, asking)
  expect(answer.status).toBe(status)
  expect((await textOf(answer)).isCut).toBe(false)
  expect(gateway.seen).toEqual([])
})

test('a model that the grant does not have is refused by its name, however odd', async () => {
  gateway.people.put({ providers: [localGrant({ models: ['good'] })] })
  const { token } = await api.person('member')
  const answer = await ask(token, { body: JSON.stringify({ ...BODY, model: 'm\u0000"\n\ud800' }) })
  expect(answer.status).toBe(403)
  expect((await textOf(answer)).text).toContain('Allowed: good')
  const models = await ask(token, { method: 'GET', path: '/model/v1/models' })
  expect(JSON.parse((await textOf(models)).text)).toMatchObject({ data: [{ id: 'good' }] })
  expect(gateway.seen).toEqual([])
})

test('a budget that is used up is 429 with a sentence, and requests at once cannot overdraw it', async () => {
  const { token, userId } = await api.person('member')
  await set({ localDailyTokens: 100 })
  const all = await Promise.all(Array.from({ length: 8 }, () => ask(token)))
  await Promise.all(all.map(textOf))
  const statuses = all.map(({ status }) => status)
  const passed = statuses.filter((status) => status === 200).length
  expect(passed).toBeLessThan(8)
  expect(statuses.filter((status) => status === 429)).toHaveLength(8 - passed)
  expect(gateway.seen).toHaveLength(passed)
  await untilStored(userId, 8)
  await set({ localDailyTokens: 1 })
  const refused = await ask(token)
  expect(refused.status).toBe(429)
  expect((await textOf(refused)).text).toContain('your daily budget of 1 tokens is used up')
  await set({ localDailyTokens: null })
  expect((await ask(token)).status).toBe(200)
})

/** An answer that has begun and does not end; resolves when the provider is hung up on. */
function endless(): { hungUp: Promise<void> } {
  let resolve = () => {}
  const hungUp = new Promise<void>((done) => (resolve = done))
  gateway.answer((_seen, response) => {
    response.once('close', () => resolve())
    response.write('{"begun":')
  })
  return { hungUp }
}

test('who hangs up is hung up on at the provider, and pays for what was reserved', async () => {
  const { token, userId } = await api.person('member')
  const { hungUp } = endless()
  const { outgoing, response } = await ask(token)
  await once(response, 'data')
  outgoing.destroy()
  await hungUp
  await untilStored(userId, 1)
  const [row] = await api.database.db.execute(sql`select input_tokens from model_usage where user_id = ${userId}`)
  expect(Number(row?.['input_tokens'])).toBeGreaterThan(0)
})

test('who hangs up before an answer is hung up on, too', async () => {
  const { token } = await api.person('member')
  let arrived = () => {}
  const isThere = new Promise<void>((resolve) => (arrived = resolve))
  let closed = () => {}
  const hungUp = new Promise<void>((resolve) => (closed = resolve))
  gateway.answer((_seen, response) => {
    response.once('close', () => closed())
    arrived()
  })
  const body = JSON.stringify(BODY)
  const socket = connect(port, '127.0.0.1')
  socket.write(
    `POST /model/v1/responses HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  )
  await isThere
  socket.destroy()
  await hungUp
})

test.each([
  [
    'the token is revoked',
    (userId: string) =>
      api.database.db.execute(sql`update api_tokens set revoked_at = now() where user_id = ${userId}`),
  ],
  [
    'the right is lost',
    (userId: string) => api.database.db.execute(sql`update users set role = 'viewer' where id = ${userId}`),
  ],
])('a stream ends, cut short, when %s', async (_, lose) => {
  const { token, userId } = await api.person('member')
  const { hungUp } = endless()
  const answer = await ask(token)
  await once(answer.response, 'data')
  await lose(userId)
  await hungUp
  expect((await textOf(answer)).isCut).toBe(true)
})

test('nothing passes once the lease of the runner is over', async () => {
  const { token } = await api.person('member')
  gateway.clock.now += 60_000
  expect((await ask(token)).status).toBe(503)
  gateway.people.expire()
  expect(gateway.seen).toEqual([])
})

test('without a gateway the answer says what to do', async () => {
  const { token } = await api.person('member')
  await using alone = await testApi({ callGateway: gatewayCaller(undefined) })
  const { call } = await alone.person('member')
  expect(token).not.toBe('')
  const answer = await call('GET', '/../../model/v1/models')
  expect(answer).toMatchObject({ status: 503 })
  expect(answer.text).toContain('--role all')
})
