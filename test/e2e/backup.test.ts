import { randomBytes } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import type { TestDatabase } from '../support/database.ts'
import { bareRepository, testServer } from '../support/server.ts'
import type { TestServer } from '../support/server.ts'
import { documentOf, run } from './program.ts'

const canary = (name: string) => `${name}-${randomBytes(24).toString('hex')}`
const SECRETS = ['provider-key', 'environment-secret', 'client-secret', 'credential'].map(canary)
const [KEY = '', SECRET = '', CLIENT = '', CREDENTIAL = ''] = SECRETS
const OK = 300

let home: string
let databases: TestDatabase[]
let server: TestServer
let file: string
let taskId: string
let apiToken: string
let masterKey: string

const place = (name: string) => join(home, name, 'data')
const tool = (args: string[], database = 0) => run(args, { env: { DATABASE_URL: databases[database]?.url ?? '' } })
const serve = (name: string, database: number) =>
  testServer({
    folder: join(home, name),
    databaseUrl: databases[database]?.url ?? '',
    env: { DRYDOCK_REPOSITORY_ROOTS: home, DRYDOCK_LOOPBACK_ISSUERS: 'true' },
  })

async function made(method: string, path: string, body: unknown) {
  const { status, body: answer } = await server.call(method, path, body)
  expect(status, JSON.stringify(answer)).toBeLessThan(OK)
  return answer
}

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'dd-backup-'))
  databases = await Promise.all([testDatabase(), testDatabase()])
  const repository = await bareRepository(home)
  server = await serve('old', 0)
  await made('POST', '/environments', { name: 'app', repository, image: 'base', agent: 'command' })
  await made('PUT', '/environments/app/secrets/S', { kind: 'setup', value: SECRET })
  await made('PUT', '/credentials/npm', { value: CREDENTIAL })
  await made('POST', '/providers', {
    name: 'p',
    wire: 'chat',
    baseUrl: 'https://models.test/v1',
    models: ['m'],
    key: KEY,
  })
  const issuer = { issuer: 'https://idp.test', clientId: 'x', clientSecret: CLIENT }
  await made('POST', '/sign-in-providers', { name: 'idp', ...issuer })
  apiToken = String((await made('POST', '/tokens', { name: 't', scopes: ['read'] })).token)
  const task = await made('POST', '/tasks', { environment: 'app', mode: 'code', prompt: 'echo "tab\there" > a.txt' })
  taskId = String(task.id)
  expect(await server.finished(taskId)).toMatchObject({ state: 'succeeded' })
  file = join(home, 'backup')
  // The server runs meanwhile.
  const backup = await tool(['backup', file, '--data', place('old')])
  expect(backup.code, backup.stderr).toBe(0)
  expect(backup.stderr).toContain('Not in it, on purpose: the master key.')
  masterKey = join(place('old'), 'master-key')
})
afterAll(async () => {
  await server.close()
  for (const database of databases) await database[Symbol.asyncDispose]()
  rmSync(home, { recursive: true, force: true })
})

test('no secret is in a backup, nor in what shows the settings', async () => {
  const text = readFileSync(file, 'latin1')
  const shown = await run(['settings', 'get', '--json'], {
    env: { DRYDOCK_URL: server.url, DRYDOCK_TOKEN: server.token },
  })
  expect(Object.keys(documentOf<object>(shown))).toContain('zeroRetentionMinutes')
  const exported = await server.call<string>('GET', '/audit/export')
  const environment = await run(['env', 'export', 'app'], {
    env: { DRYDOCK_URL: server.url, DRYDOCK_TOKEN: server.token },
  })
  expect(environment.stdout).toContain('image')
  const key = readFileSync(masterKey, 'utf8').trim().split('\n').at(-1) ?? expect.unreachable()
  const tokens = [apiToken, server.token]
  for (const secret of [...SECRETS, ...tokens, key]) {
    const spellings = [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('base64')]
    for (const place of [text, shown.stdout, JSON.stringify(exported.body), environment.stdout]) {
      expect(spellings.filter((spelling) => place.includes(spelling))).toEqual([])
    }
  }
  // The same search finds what is there.
  expect(text).toContain('idp.test')
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('a backup is not written over another file', async () => {
  const again = await tool(['backup', file, '--data', place('old')])
  expect(again.code).not.toBe(0)
  expect(again.stderr).toContain('it is there already')
})

test('a restore is refused into what is in use, without the key, with another one, and of a broken file', async () => {
  const into = (name: string, database: number, from = file) => tool(['restore', from, '--data', place(name)], database)
  const refused = async (started: ReturnType<typeof into>, why: string) => {
    const { code, stderr } = await started
    expect(stderr).toContain(why)
    expect(code).not.toBe(0)
  }
  await refused(into('old', 1), 'there is an installation in')
  await refused(into('keyless', 1), 'the master key is in no backup')
  mkdirSync(place('wrong'), { recursive: true })
  writeFileSync(join(place('wrong'), 'master-key'), randomBytes(32).toString('base64'), { mode: 0o600 })
  await refused(into('wrong', 1), 'is sealed with master key')
  mkdirSync(place('new'), { recursive: true })
  copyFileSync(masterKey, join(place('new'), 'master-key'))
  await refused(into('new', 0), 'this database is not empty')
  const whole = readFileSync(file)
  writeFileSync(join(home, 'cut'), whole.subarray(0, whole.length - 200))
  await refused(into('new', 1, join(home, 'cut')), 'this is no whole backup')
  const changed = Buffer.from(whole)
  changed.write('idq.test', changed.indexOf('idp.test'))
  writeFileSync(join(home, 'changed'), changed)
  await refused(into('new', 1, join(home, 'changed')), 'it was changed')
  expect(existsSync(join(place('new'), 'installation'))).toBe(false)
})

test('what was restored goes on: tasks, diffs, secrets, the audit log, and a follow-up', async () => {
  const { id, turns } = (await server.call<Task>('GET', `/tasks/${taskId}`)).body
  const diffOf = async () => (await server.call<string>('GET', `/attempts/${turns[0]?.attempts[0]?.id}/diff`)).body
  const diff = await diffOf()
  await server.close()
  mkdirSync(place('new'), { recursive: true })
  copyFileSync(masterKey, join(place('new'), 'master-key'))
  const restored = await tool(['restore', file, '--data', place('new'), '--json'], 1)
  expect(restored.code, restored.stderr).toBe(0)

  const token = server.token
  server = await serve('new', 1)
  expect(server.token).not.toBe(token)
  expect((await server.call<Task>('GET', `/tasks/${id}`)).body).toMatchObject({ state: 'succeeded', turns })
  expect(await diffOf()).toBe(diff)
  expect((await server.call('GET', '/audit/verify')).body).toMatchObject({ broken: null, done: true })
  expect((await server.call('GET', '/environments/app/secrets')).body).toMatchObject({ data: [{ name: 'S' }] })
  // All that is sealed opens.
  expect((await server.call('POST', '/keys/rewrap')).status).toBe(200)
  await made('POST', `/tasks/${id}/turns`, { prompt: 'cat a.txt > b.txt' })
  const task = await server.finished(id)
  expect(task.turns[1]?.attempts[0]).toMatchObject({ state: 'succeeded', diff: { files: 2 } })
})

type Task = { id: string; state: string; turns: { attempts: { id: string }[] }[] }
