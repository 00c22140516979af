import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readFile, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TaskJson } from '../../api/schemas/task.ts'
import { openKeyring } from '../../bin/keyring.ts'
import { open } from '../../domain/secrets/seal.ts'
import { startUpstream } from '../docker/network/upstream.ts'
import type { Upstream } from '../docker/network/upstream.ts'
import { testDatabase } from '../support/database.ts'
import type { TestDatabase } from '../support/database.ts'
import { hostAddress } from '../support/host-address.ts'
import { startMockModel } from '../support/mock-model/server.ts'
import type { MockModel } from '../support/mock-model/server.ts'
import type { Scenario } from '../support/mock-model/scenario.ts'
import { holds, searchContainer, searchFolder } from '../support/search-sandbox.ts'
import { bareRepository, untilAgentRuns } from '../support/server.ts'
import { documentOf, run, start } from './program.ts'
import { MODEL, sideDoors } from './side-doors.ts'

const exec = promisify(execFile)
const canary = (name: string) => `${name}-${randomBytes(24).toString('hex')}`
const KEY = canary('sk-provider')
const TOKEN = canary('registry')
/** Is put into the sandbox on purpose, in every way that is searched. */
const PLANTED = canary('planted')

let home: string
let database: TestDatabase
let origin: string
let server: ReturnType<typeof start>
let url: string
let token: string
let registry: Upstream
const authorized: string[] = []

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'dd-canary-'))
  database = await testDatabase()
  origin = await bareRepository(home)
  registry = await startUpstream(['registry.test'], (request, response) => {
    authorized.push(request.headers.authorization ?? '')
    response.end('a package\n')
  })
  const data = join(home, 'data')
  // The agents are 1 GB: those that other tests have installed will do.
  await mkdir(join(tmpdir(), 'drydock-test-agents'), { recursive: true })
  await mkdir(data)
  await symlink(join(tmpdir(), 'drydock-test-agents'), join(data, 'agents'))
  server = start(['serve', '--port', '0', '--data', data, '--repository-root', home, '--json'], {
    env: { DATABASE_URL: database.url, DRYDOCK_LOG: 'trace', DRYDOCK_DRAIN_SECONDS: '0' },
  })
  await server.saw('stdout', '\n')
  url = documentOf<{ url: string }>(server.output).url
  token = (await readFile(join(data, 'admin-token'), 'utf8')).trim()
  await call('PATCH', '/settings', {
    staticHosts: { 'registry.test': [registry.address] },
    upstreamCas: [registry.ca],
  })
  await call('PUT', '/credentials/registry', { header: 'authorization', value: `Bearer ${TOKEN}` })
})

afterAll(async () => {
  server.child.kill('SIGTERM')
  await server.ended
  await registry[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  await rm(home, { recursive: true, force: true })
})

async function call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const response = await fetch(`${url}/api/v1${path}`, { method, headers, body: JSON.stringify(body) ?? null })
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
  return (response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text) as T
}

const submit = (environment: string, prompt: string) =>
  call<TaskJson>('POST', '/tasks', { environment, mode: 'code', prompt })

async function finished(task: string) {
  await call<string>('GET', `/tasks/${task}/events`)
  const { turns } = await call<TaskJson>('GET', `/tasks/${task}`)
  const attempt = turns.at(-1)?.attempts[0]
  if (attempt === undefined) throw new Error('the task has no attempt')
  const diff = await call<string>('GET', `/attempts/${attempt.id}/diff`).catch(() => '')
  return { attempt, diff }
}

const addProvider = (model: MockModel, settings: Record<string, unknown>) =>
  call('POST', '/providers', {
    ...{ wire: 'responses', baseUrl: `http://${hostAddress()}:${model.port}/v1`, key: KEY, internal: true },
    ...settings,
  })

async function sandboxOf(attempt: string): Promise<string> {
  const filter = ['--filter', `label=drydock.attempt=${attempt}`, '--filter', 'label=drydock.kind=sandbox']
  return (await exec('docker', ['ps', '-q', ...filter])).stdout.trim()
}

/** What nobody but its owner may ever see: the canaries, and the keys of the installation itself. */
async function secrets(): Promise<string[]> {
  const data = join(home, 'data')
  const own = (await readFile(join(data, 'master-key'), 'utf8')).match(/^[\w+/]{40,}/gm) ?? []
  const state = join(data, 'gateway/state')
  const files = await Promise.all(
    (await readdir(state, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => readFile(join(parentPath, name), 'utf8')),
  )
  // The middle of a key in PEM: its begin is the same for all.
  const cas = files.flatMap(
    (text) => /PRIVATE KEY-----(?:\s|\\n)+[\w+/]{60,}(?:\s|\\n)+([\w+/]{60,})/.exec(text)?.[1] ?? [],
  )
  expect([own.length > 0, cas.length > 0]).toEqual([true, true])
  return [KEY, TOKEN, token, ...own, ...cas]
}

/** The whole database: every column of every row. */
async function databaseHolds(wanted: readonly string[]): Promise<string[]> {
  const { client } = database
  const tables = await client<{ name: string }[]>`select tablename as name from pg_tables where schemaname = 'public'`
  const hits = await Promise.all(
    tables.map(async ({ name }) => {
      const rows = await client.unsafe<Record<string, unknown>[]>(`select * from "${name}"`)
      const cells = rows.flatMap((row) => Object.entries(row))
      const isIn = (value: unknown) => holds(value instanceof Uint8Array ? value : JSON.stringify(value), wanted)
      return cells.flatMap(([column, value]) => (isIn(value) ? [`${name}.${column}`] : []))
    }),
  )
  return [...new Set(hits.flat())].sort()
}

test('a key that the provider receives is nowhere in the sandbox of codex, nor in what it leaves; no side door leads around', async () => {
  let release = () => {}
  const hold = new Promise<void>((resolve) => (release = resolve))
  let reached = () => {}
  const atHold = new Promise<void>((resolve) => (reached = resolve))
  const holding = { then: (...args: Parameters<Promise<void>['then']>) => (reached(), hold.then(...args)) }
  const steps: Scenario['steps'][number][] = []
  await using model = await startMockModel({ host: hostAddress(), key: KEY, scenarios: [{ name: 'canary', steps }] })
  steps.push(
    { run: [sideDoors(`${hostAddress()}:${model.port}`)] },
    {
      run: [
        `printf 12%s "$PLANTED" | base64 -w 0 > encoded.txt; setsid sh -c 'sleep 3600; true' ${PLANTED} >/dev/null 2>&1 </dev/null & true`,
      ],
    },
    { say: 'Looked around.', hold: holding as Promise<void> },
  )
  await addProvider(model, { name: 'mock', isDefault: true })
  await call('POST', '/environments', {
    ...{ name: 'off', repository: origin, image: 'universal', agent: 'codex', model: 'gpt-5.5' },
    ...{ setupScript: 'echo made > /opt/made', variables: { PLANTED } },
  })
  const { id, turns } = await submit('off', `[[canary]] ${PLANTED}`)
  const attemptId = turns[0]?.attempts[0]?.id ?? ''
  await Promise.race([atHold, finished(id)])
  const sandbox = await sandboxOf(attemptId)
  const hidden = await secrets()
  expect(await searchContainer(sandbox, hidden)).toEqual([])
  const planted = await searchContainer(sandbox, [PLANTED])
  for (const kind of ['file', 'environ', 'cmdline', 'mem'])
    expect(planted).toContainEqual(expect.stringMatching(`^${kind} `))
  expect(planted).toContain('file /workspace/encoded.txt')
  release()

  const { attempt, diff } = await finished(id)
  expect(attempt).toMatchObject({ message: null, state: 'succeeded' })
  const asked = model.requests
  expect(asked.length).toBeGreaterThan(2)
  expect(asked.every(({ headers }) => headers.authorization === `Bearer ${KEY}`)).toBe(true)
  // Codes of the refusals; the last request shows that the way is open.
  expect(diff).toMatch(/\n\+(?:(?:4\d\d|000) ?)+\n/)
  expect(diff).toMatch(/\n\+open 200/)
  const fromOutside = asked.filter(({ body, path }) => !body.includes('[[canary]]') || path.includes('SIDE-DOOR'))
  expect(fromOutside.map(({ body }) => (JSON.parse(body) as { input: unknown }).input)).toEqual(['OPEN-DOOR'])

  const events = await call<string>('GET', `/tasks/${id}/events`)
  const ledger = JSON.stringify(await call('GET', `/attempts/${attemptId}/ledger`))
  expect(events).toContain(PLANTED)
  for (const text of [events, ledger, diff]) expect(holds(text, hidden)).toBe(false)
  expect(await databaseHolds(hidden)).toEqual([])
  expect(await databaseHolds([PLANTED])).toContain('turns.prompt')
  const [session] = await database.client<{ id: string; sealed: Buffer }[]>`
    select attempt_id as id, sealed_archive as sealed from agent_sessions`
  expect(holds(session?.sealed ?? '', [PLANTED])).toBe(false)
  const keyring = await openKeyring({ dataDir: join(home, 'data') })
  if (!keyring || !session) throw new Error('no session')
  const archive = open(keyring, session.sealed, { table: 'agent_sessions', row: session.id, column: 'sealed_archive' })
  expect(holds(archive, [PLANTED])).toBe(true)
  expect(holds(archive, hidden)).toBe(false)

  const [snapshot] = await database.client<{ image: string }[]>`select image from snapshots`
  const image = await exec('docker', ['image', 'inspect', snapshot?.image ?? ''])
  const [{ GraphDriver: layers }] = JSON.parse(image.stdout) as [{ GraphDriver: { Data: { UpperDir: string } } }]
  expect(await searchFolder(layers.Data.UpperDir, ['made'])).toContain('/opt/made')
  expect(await searchFolder(layers.Data.UpperDir, hidden)).toEqual([])
  expect(holds(image.stdout, hidden)).toBe(false)
})

test('a credential reaches the registry, is nowhere in the sandbox, and reaches nobody once it is deleted', async () => {
  const get = "curl -s -m 5 -o /dev/null -w '%{http_code}' https://registry.test"
  await call('POST', '/environments', {
    ...{ name: 'registry', repository: origin, image: 'universal' },
    policy: { allow: [{ host: 'registry.test', credential: 'registry', internal: true }] },
  })
  const script = [
    `${get}/first > first.txt`,
    `for i in $(seq 100); do code=$(${get}/again); [ "$code" != 200 ] && break; sleep 0.1; done`,
    'echo "then $code" > then.txt',
  ].join('\n')
  const { id, turns } = await submit('registry', script)
  await untilAgentRuns({ url, token }, id)
  const attemptId = turns[0]?.attempts[0]?.id ?? ''
  while (authorized.length === 0) await new Promise(setImmediate)
  expect(await searchContainer(await sandboxOf(attemptId), await secrets())).toEqual([])
  await call('DELETE', '/credentials/registry')
  const { diff } = await finished(id)
  expect(diff).toMatch(/\+200/)
  expect(diff).toMatch(/\+then 502/)
  expect(new Set(authorized)).toEqual(new Set([`Bearer ${TOKEN}`]))

  const sent = authorized.length
  await call('POST', '/environments', {
    ...{ name: 'later', repository: origin, image: 'universal' },
    policy: { allow: [{ host: 'registry.test', credential: 'registry', internal: true }] },
  })
  const later = await submit('later', `${get}/later > later.txt`)
  expect(await finished(later.id)).toMatchObject({
    attempt: { state: 'succeeded' },
    diff: expect.stringContaining('+502'),
  })
  expect(authorized).toHaveLength(sent)
  expect(await call<string>('GET', `/tasks/${later.id}/events`)).toContain('There is no credential')
})

test('50 requests at once spend a budget for 3 and no more; the diff stays', async () => {
  const output = 200_000
  const ask = `curl -s -m 20 -o /dev/null -H 'content-type: application/json' -d '{"model":"gpt-5.5","input":[{"role":"user","content":"[[spend]]"}],"max_output_tokens":${output},"stream":true}' ${MODEL}/v1/responses`
  const scenarios: Scenario[] = [
    {
      name: 'go',
      steps: [{ run: [`echo begun > begun.txt; for i in $(seq 50); do ${ask} & done; wait`] }, { say: 'Done.' }],
    },
    { name: 'spend', steps: [{ say: 'Spent.', usage: { input: 40, output }, delayMs: 300 }] },
  ]
  await using model = await startMockModel({ host: hostAddress(), key: KEY, scenarios })
  await addProvider(model, { name: 'dear', maxOutputTokens: output, concurrency: 64 })
  await call('POST', '/environments', {
    ...{ name: 'dear', repository: origin, image: 'universal', agent: 'codex', model: 'gpt-5.5' },
    ...{ provider: 'dear', budgetTokens: 1280 + 3 * (output + 100) },
  })
  const { id } = await submit('dear', '[[go]]')
  const { attempt, diff } = await finished(id)
  const spent = model.requests.filter(({ scenario }) => scenario === 'spend')
  const outputs = spent.map(({ body }) => (JSON.parse(body) as { max_output_tokens: number }).max_output_tokens)
  expect(outputs.filter((tokens) => tokens === output)).toHaveLength(3)
  // What is left may be asked for, and no more.
  expect(outputs.reduce((sum, tokens) => sum + tokens, 0)).toBeLessThan(3 * (output + 100))
  expect(attempt).toMatchObject({ state: 'failed', reason: 'budget-exhausted' })
  expect(diff).toContain('+begun')
})

test('master keys are rotated while the server runs, and everything opens with the new one alone', async () => {
  await using model = await startMockModel({ host: hostAddress(), key: KEY })
  await addProvider(model, { name: 'rotated' })
  await call('POST', '/environments', {
    ...{
      name: 'rotated',
      repository: origin,
      image: 'universal',
      agent: 'codex',
      model: 'gpt-5.5',
      provider: 'rotated',
    },
  })
  const data = join(home, 'data')
  const rotate = await run(['rotate-keys', '--drop-old', '--data', data, '--json'], {
    env: { DRYDOCK_URL: url, DRYDOCK_DATA: data },
  })
  expect(rotate.code, rotate.stderr).toBe(0)
  expect(documentOf(rotate)).toMatchObject({ newKey: true, dropped: 1 })
  const { id } = await submit('rotated', '[[hello]]')
  expect(await finished(id)).toMatchObject({ attempt: { state: 'succeeded' } })
  expect(model.requests[0]?.headers.authorization).toBe(`Bearer ${KEY}`)
})

test('no log of the server or of its gateway holds a secret', async () => {
  const hidden = await secrets()
  const installation = (await readFile(join(home, 'data/installation'), 'utf8')).trim()
  const gateway = await exec('docker', ['logs', `drydock-gateway-${installation}`])
  const logs = server.output.stdout + server.output.stderr + gateway.stdout + gateway.stderr
  expect(logs.length).toBeGreaterThan(1000)
  expect(holds(logs, hidden)).toBe(false)
})
