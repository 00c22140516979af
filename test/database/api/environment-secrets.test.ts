import { SERVER } from '../../../domain/audit/actions.ts'
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SecretJson, SetSecretJson } from '../../../api/schemas/secret.ts'
import { grantVersions } from '../../../domain/credentials/grant-versions.ts'
import { readEnvironment } from '../../../domain/environments/environments.ts'
import { openSecrets } from '../../../domain/environments/secrets.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { rewrapAll } from '../../../domain/secrets/rewrap.ts'
import { readSecrets } from '../../../runner/secrets/attempt-secrets.ts'
import { testApi } from '../../support/api.ts'
import type { Call, TestApi } from '../../support/api.ts'
import { seedEnvironment } from '../../support/seed.ts'

const CANARY = 'canary-7Zq4Xw9Lm2'
const OLD = randomBytes(32).toString('base64')
const NEW = randomBytes(32).toString('base64')
const keyring = parseKeyring([OLD])
const logged: unknown[] = []

let api: TestApi
let call: Call
beforeAll(async () => {
  const log = (...line: unknown[]) => void logged.push(...line)
  api = await testApi({ keyring, logger: { debug: log, info: log, error: log } })
  call = (await api.person()).call
})
afterAll(() => api[Symbol.asyncDispose]())

const environment = () => seedEnvironment(api.database.db)
const setup = (value: string) => ({ kind: 'setup', value })
const brokered = (value: string, host = 'npm.example.com') => ({ kind: 'brokered', value, host })
const opened = (id: string) => openSecrets(api.database.db, keyring, id)

test('PUT /environments/:id/secrets/:name takes a value and gives it back in no answer, error, log line or row', async () => {
  const id = await environment()
  const at = `/environments/${id}/secrets`
  const answers = [
    await call('PUT', `${at}/NPM_TOKEN`, setup(CANARY)),
    await call('PUT', `${at}/REGISTRY`, brokered(`Bearer ${CANARY}`)),
    await call('GET', at),
    await call('PUT', `${at}/NPM_TOKEN`, { ...setup(CANARY), host: 'a.test' }),
    await call('PUT', `${at}/${CANARY}`, setup('x')),
    await call('PUT', `${at}/BAD`, { kind: CANARY, value: CANARY }),
    await call('PUT', `${at}/BAD`, setup(`${CANARY}\0`)),
    await call('PUT', `${at}/BAD`, brokered(`${CANARY}\r\nx: y`)),
    await call('PATCH', `/environments/${id}`, { variables: { NPM_TOKEN: CANARY } }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 422, 422, 422, 422, 422, 409])
  for (const { text } of answers) expect(text).not.toContain('canary')
  expect(JSON.stringify(logged).replaceAll(`/secrets/${CANARY}`, '')).not.toContain('canary')
  const rows = await api.database.client`select t::text as row from environment_secrets t`
  for (const form of [CANARY, Buffer.from(CANARY).toString('hex')]) expect(JSON.stringify(rows)).not.toContain(form)
  expect(await opened(id)).toMatchObject([
    { name: 'NPM_TOKEN', value: CANARY, kind: 'setup', host: null },
    { name: 'REGISTRY', value: `Bearer ${CANARY}`, kind: 'brokered', host: 'npm.example.com', header: 'authorization' },
  ])
})

test('the answer says what a secret is good for and who can use it', async () => {
  const at = `/environments/${await environment()}/secrets`
  const { json: ofSetup } = await call<SetSecretJson>('PUT', `${at}/A`, setup('s3cr3t'))
  expect(ofSetup.notice).toContain('for the set-up phase only')
  expect(ofSetup.notice).toContain('the agent does not')
  expect(ofSetup.notice).toContain('brokered')
  expect(ofSetup.notice).toContain("Whoever may edit this environment's scripts can use its secrets")
  const { json } = await call<SetSecretJson>('PUT', `${at}/B`, {
    ...brokered('token', 'API.example.com.'),
    header: 'X-Key',
  })
  expect(json).toMatchObject({ host: 'api.example.com', header: 'x-key' })
  expect(json.notice).toContain('opens nothing by itself')
})

test('a new value raises the version, the same one does not, and a deleted one leaves no cache in use', async () => {
  const id = await environment()
  const put = async (value: string) =>
    (await call<SecretJson>('PUT', `/environments/${id}/secrets/A`, setup(value))).json.version
  expect([await put('one'), await put('one'), await put('two'), await put('one')]).toEqual([1, 1, 2, 3])
  const epoch = async () => (await readEnvironment(api.database.db, id)).cacheEpoch
  const before = await epoch()
  expect((await call('DELETE', `/environments/${id}/secrets/A`)).status).toBe(204)
  expect(await epoch()).toBe(before + 1)
  expect(await put('three')).toBe(1)
  expect((await call('DELETE', `/environments/${id}/secrets/GONE`)).json.code).toBe('secret-not-found')
})

test('a name is a variable or a secret, whichever comes first', async () => {
  const id = await environment()
  await call('PATCH', `/environments/${id}`, { variables: { CI: '1' } })
  const refused = await call('PUT', `/environments/${id}/secrets/CI`, setup('x'))
  expect([refused.status, refused.json.code]).toEqual([409, 'name-taken'])
  await call('PUT', `/environments/${id}/secrets/TOKEN`, setup('x'))
  const other = await call('PATCH', `/environments/${id}`, { variables: { CI: '1', TOKEN: 'y' } })
  expect([other.status, other.json.detail]).toEqual([409, expect.stringContaining('a secret of the environment')])
  expect((await call('PATCH', `/environments/${id}`, { variables: { CI: '2' } })).status).toBe(200)
})

test('both at once leave one of them', async () => {
  const id = await environment()
  const answers = await Promise.all(
    [...Array(8).keys()].map((n) =>
      n % 2
        ? call('PATCH', `/environments/${id}`, { variables: { BOTH: 'v' } })
        : call('PUT', `/environments/${id}/secrets/BOTH`, setup('s')),
    ),
  )
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 409]))
  const { variables } = await readEnvironment(api.database.db, id)
  expect(Object.keys(variables).length + (await opened(id)).length).toBe(1)
})

test.each([
  ['a name with a dash', 'A-B', setup('x')],
  ['a name of ours', 'DRYDOCK_X', setup('x')],
  ['a name that begins with a digit', '1A', setup('x')],
  ['an empty value', 'A', setup('')],
  ['a value of 33 KiB', 'A', setup('x'.repeat(33 * 1024))],
  ['a value of 33 KiB in few characters', 'A', setup('€'.repeat(11 * 1024 + 10))],
  ['a brokered one without a host', 'A', { kind: 'brokered', value: 'x' }],
  ['a wildcard', 'A', brokered('x', '*.example.com')],
  ['an address', 'A', brokered('x', '10.0.0.1')],
  ['a port', 'A', brokered('x', 'example.com:8443')],
  ['a URL', 'A', brokered('x', 'https://example.com')],
  ['the host of the model', 'A', brokered('x', 'model.drydock.internal')],
  ['a header that frames requests', 'A', { ...brokered('x'), header: 'Host' }],
  ['a value of two lines in a header', 'A', brokered('x\ny')],
  ['no kind', 'A', { value: 'x' }],
])('PUT refuses %s', async (_, name, body) => {
  expect((await call('PUT', `/environments/${await environment()}/secrets/${name}`, body)).status).toBe(422)
})

test('an environment has room for so many secrets, and one brokered secret a host', async () => {
  const id = await environment()
  const put = (name: string, body: object) => call('PUT', `/environments/${id}/secrets/${name}`, body)
  for (let n = 0; n < 15; n += 1) expect((await put(`S${n}`, setup('x'.repeat(32 * 1024)))).status).toBe(200)
  const full = await put('LAST', setup('x'.repeat(32 * 1024)))
  expect([full.status, full.json.detail]).toEqual([422, expect.stringContaining('512 KiB')])
  expect((await put('S3', setup('y'.repeat(32 * 1024)))).status).toBe(200)
  expect((await put('ONE', brokered('one'))).status).toBe(200)
  expect((await put('TWO', brokered('two'))).json).toMatchObject({
    code: 'name-taken',
    detail: expect.stringContaining('"ONE"'),
  })
  expect((await put('ONE', brokered('three'))).status).toBe(200)
})

test('secrets are written by who may edit the environment', async () => {
  const id = await environment()
  const member = await api.person('member')
  for (const [method, path, body] of [
    ['PUT', `/environments/${id}/secrets/A`, setup('x')],
    ['DELETE', `/environments/${id}/secrets/A`],
  ] as const) {
    expect((await member.call(method, path, body)).status).toBe(403)
    expect((await (await api.person('admin', ['read', 'write'])).call(method, path, body)).status).toBe(403)
  }
  expect((await member.call('GET', `/environments/${id}/secrets`)).status).toBe(200)
})

test('a deleted environment leaves no secret behind', async () => {
  const id = await environment()
  await call('PUT', `/environments/${id}/secrets/A`, setup('x'))
  expect((await call('DELETE', `/environments/${id}`)).status).toBe(204)
  expect(await opened(id)).toEqual([])
})

test('grantVersions() changes with the brokered secrets of the environment alone', async () => {
  const id = await environment()
  const look = () => grantVersions(api.database.db, { credentials: [], provider: 'none', environment: id })
  const first = await look()
  await call('PUT', `/environments/${id}/secrets/A`, setup('x'))
  expect(await look()).toBe(first)
  await call('PUT', `/environments/${id}/secrets/B`, brokered('one'))
  const second = await look()
  expect(second).not.toBe(first)
  await call('PUT', `/environments/${id}/secrets/B`, brokered('two'))
  expect(await look()).not.toBe(second)
})

test('rewrapAll() seals secrets anew; without the key an attempt says so', async () => {
  const { db } = api.database
  const id = await environment()
  await call('PUT', `/environments/${id}/secrets/A`, setup(CANARY))
  const missing = await readSecrets(
    { db, keyring: parseKeyring([NEW]) },
    { by: SERVER, environmentId: id, work: { attempt: 'a' } },
  )
  expect(missing).toMatchObject({ setup: [], failure: { reason: 'secrets-unavailable' } })
  await rewrapAll(db, parseKeyring([NEW, OLD]), SERVER)
  expect(await openSecrets(db, parseKeyring([NEW]), id)).toMatchObject([{ value: CANARY }])
})
