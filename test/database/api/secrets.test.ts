import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ProviderJson } from '../../../api/schemas/provider.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { testApi } from '../../support/api.ts'
import type { Call, TestApi } from '../../support/api.ts'

const CANARY = 'sk-canary-7Zq4Xw9Lm2'
const keyring = parseKeyring([randomBytes(32).toString('base64')])
const logged: unknown[] = []

let api: TestApi
let call: Call
beforeAll(async () => {
  const log = (...line: unknown[]) => void logged.push(...line)
  api = await testApi({ keyring, logger: { debug: log, info: log, error: log } })
  call = (await api.person()).call
})
afterAll(() => api[Symbol.asyncDispose]())

const provider = (name: string, over: Record<string, unknown> = {}) => ({
  name,
  wire: 'responses',
  baseUrl: 'https://api.example.com/v1',
  ...over,
})

test('/providers takes a key and never gives it back, in no answer, error or log line', async () => {
  const answers = [
    await call('POST', '/providers', provider('main', { key: CANARY })),
    await call('POST', '/providers', provider('main', { key: CANARY })),
    await call('GET', '/providers'),
    await call('GET', '/providers/main'),
    await call('PATCH', '/providers/main', { key: `${CANARY}2`, concurrency: 3 }),
    await call('PATCH', '/providers/main', { baseUrl: 'https://evil.test' }),
    await call('POST', '/providers', provider('bad', { key: `${CANARY}\r\nx: y` })),
    await call('POST', '/providers', provider('bad', { key: { value: CANARY } })),
    await call('POST', '/providers', provider('bad', { keys: CANARY })),
    await call('PUT', '/credentials/npm', { value: `Bearer ${CANARY}` }),
    await call('GET', '/credentials'),
    await call('PUT', '/credentials/npm', { value: `${CANARY}\n` }),
    await call('PUT', '/credentials/npm', { header: `${CANARY}\n`, value: 'x' }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([201, 409, 200, 200, 200, 422, 422, 422, 422, 200, 200, 422, 422])
  expect(answers[0]?.json).toMatchObject({ hasKey: true, isDefault: true })
  for (const { text } of answers) expect(text).not.toContain('canary')
  expect(JSON.stringify(logged)).not.toContain('canary')
  expect(logged.length).toBeGreaterThan(0)
})

test('no table of the database holds a key in the clear', async () => {
  await call('PUT', '/credentials/dump', { value: CANARY })
  const { client } = api.database
  const tables = await client<{ name: string }[]>`select tablename as name from pg_tables where schemaname = 'public'`
  for (const { name } of tables) {
    const rows = await client.unsafe(`select t::text as row from "${name}" t`)
    const dump = rows.map(({ row }) => String(row)).join('\n')
    for (const form of [CANARY, Buffer.from(CANARY).toString('hex'), Buffer.from(CANARY).toString('base64')]) {
      expect(dump.includes(form), name).toBe(false)
    }
  }
})

const ROUTES = [
  ['GET', '/providers'],
  ['POST', '/providers', provider('m')],
  ['GET', '/providers/main'],
  ['PATCH', '/providers/main', { concurrency: 1 }],
  ['DELETE', '/providers/main'],
  ['GET', '/credentials'],
  ['PUT', '/credentials/npm', { value: 'x' }],
  ['DELETE', '/credentials/npm'],
  ['POST', '/keys/rewrap'],
] satisfies [string, string, object?][]

test.each<[string, string, object?]>(ROUTES)('%s %s is for administrators alone', async (method, path, body) => {
  for (const scopes of [['read', 'write', 'admin'] as const, ['read'] as const]) {
    const member = await api.person('member', scopes)
    expect((await member.call(method, path, body)).status).toBe(403)
  }
  const limited = await api.person('admin', ['read', 'write'])
  const { status } = await limited.call(method, path, body)
  expect(status).toBe(method === 'GET' ? 200 : 403)
})

test('PATCH and DELETE /providers change and remove', async () => {
  await call('POST', '/providers', provider('gone', { wire: 'chat', budgetTokens: 5 }))
  const { json } = await call<ProviderJson>('PATCH', '/providers/gone', { budgetTokens: null, models: ['a'] })
  expect(json).toMatchObject({ budgetTokens: null, models: ['a'], hasKey: false })
  expect((await call('DELETE', `/providers/${json.id}`)).status).toBe(204)
  expect((await call('GET', '/providers/gone')).json.code).toBe('provider-not-found')
})

test.each([
  ['plain http', { baseUrl: 'http://api.example.com' }],
  ['a user', { baseUrl: 'https://user:pw@api.example.com/v1' }],
  ['a query', { baseUrl: 'https://api.example.com/v1?x=1' }],
  ['a fragment', { baseUrl: 'https://api.example.com/v1#x' }],
  ['a backslash', { baseUrl: 'https://api.example.com\\@evil.test' }],
  ['another scheme', { baseUrl: 'file:///etc/passwd' }],
  ['letters that fold', { baseUrl: 'https://ａpi.example.com' }],
  ['a space', { baseUrl: 'https://api.example.com/v1 x' }],
  ['no host', { baseUrl: 'https:///v1' }],
  ['an unknown feature', { features: ['everything'] }],
  ['a feature twice', { features: ['mcp', 'mcp'] }],
  ['an unknown wire', { wire: 'grpc' }],
  ['a header that frames requests', { keyHeader: { name: 'Transfer-Encoding', prefix: '' } }],
  ['the host header', { keyHeader: { name: 'host', prefix: '' } }],
  ['a header of two lines', { keyHeader: { name: 'a\r\nb', prefix: '' } }],
  ['a prefix of two lines', { keyHeader: { name: 'a', prefix: 'x\r\n' } }],
  ['an empty key', { key: '' }],
  ['a key with spaces around it', { key: ' x ' }],
  ['a key of 9 KiB', { key: 'x'.repeat(9000) }],
  ['a budget of nothing', { budgetTokens: 0 }],
  ['a huge number', { maxOutputTokens: 1e20 }],
  ['a name that is a path', { name: '../x' }],
])('POST /providers refuses %s', async (_, over) => {
  expect((await call('POST', '/providers', provider('refused', over))).status).toBe(422)
})

test('a provider on plain http must stay internal', async () => {
  const local = provider('local', { wire: 'anthropic', baseUrl: 'http://10.0.0.5:8000/v1', internal: true })
  expect((await call('POST', '/providers', local)).status).toBe(201)
  expect((await call('PATCH', '/providers/local', { internal: false })).status).toBe(422)
})

test.each(['%00', '%ff', 'a%2Fb', '..%2f', `${'a'.repeat(500)}`, '%F0%9F%A6%AD'])(
  'a name like %s is an answer, not a fault',
  async (name) => {
    for (const path of [`/providers/${name}`, `/credentials/${name}`]) {
      const { status } = await call('DELETE', path)
      expect([400, 404, 422]).toContain(status)
    }
    expect((await call('PUT', `/credentials/${name}`, { value: 'x' })).status).toBeLessThan(500)
  },
)

test('POST /keys/rewrap says which key seals now', async () => {
  const { status, json } = await call('POST', '/keys/rewrap')
  expect([status, json.keyId]).toEqual([200, keyring.current.id])
})

test('without a master key nothing is stored, and the answer says what to do', async () => {
  await using without = await testApi()
  const person = await without.person()
  const { status, json } = await person.call('PUT', '/credentials/npm', { value: CANARY })
  expect([status, json.code]).toEqual([503, 'key-unavailable'])
  expect(json.detail).toContain('DRYDOCK_MASTER_KEY')
  expect(JSON.stringify(without.errors)).not.toContain('canary')
  expect((await person.call<{ data: unknown[] }>('GET', '/credentials')).json.data).toEqual([])
})

test('an environment names a provider that exists, by its name', async () => {
  const { json } = await call<ProviderJson>('POST', '/providers', provider('used', { wire: 'chat' }))
  const environment = { name: 'shop', repository: '/srv/a', model: 'gpt-5.5', budgetTokens: 1000, agent: 'codex' }
  expect((await call('POST', '/environments', { ...environment, provider: 'unknown' })).status).toBe(404)
  expect((await call('POST', '/environments', { ...environment, provider: json.id })).status).toBe(404)
  const made = await call('POST', '/environments', { ...environment, provider: 'used' })
  expect(made.json).toMatchObject({ provider: 'used', model: 'gpt-5.5', budgetTokens: 1000 })
  expect((await call('DELETE', '/providers/used')).json.code).toBe('provider-in-use')
  const cleared = await call('PATCH', '/environments/shop', { provider: null, model: null, budgetTokens: null })
  expect(cleared.json).toMatchObject({ provider: null, model: null, budgetTokens: null })
  expect((await call('DELETE', '/providers/used')).status).toBe(204)
})
