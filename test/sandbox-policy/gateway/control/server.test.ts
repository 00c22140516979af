import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { request, type IncomingMessage, type Server } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { compilePolicy } from '../../../../sandbox-policy/compile.ts'
import { createControlServer, type ControlDeps } from '../../../../sandbox-policy/gateway/control/server.ts'
import { assertUnused, listenOnSocket } from '../../../../sandbox-policy/gateway/control/socket.ts'
import { Spool } from '../../../../sandbox-policy/gateway/ledger/spool.ts'
import { Sessions } from '../../../../sandbox-policy/gateway/sessions.ts'
import { ADDRESSES, configOf } from '../sessions/fixture.ts'

let folder: string
let path: string
let spool: Spool
let sessions: Sessions
let server: Server
let now: number
let given: Parameters<ControlDeps['applySettings']>[0][]
let steps: string[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'drydock-control-'))
  path = join(folder, 'control.sock')
  now = 0
  given = []
  steps = []
  const options = { maxBytes: 1e8, segmentBytes: 5000, freeBytes: 0, syncMs: 5, onState: () => {} }
  spool = new Spool({ folder: join(folder, 'spool'), ...options })
  sessions = new Sessions({
    spool,
    settings: () => ({ redactQueries: false }),
    compile: compilePolicy,
    clock: () => now,
    onChange: () => {},
    log: () => {},
  })
  server = createControlServer({
    version: '1',
    boot: 'boot-1',
    putLocal: () => undefined,
    sessions: {
      count: () => sessions.size,
      put: async (config) => sessions.put(config),
      remove: (id) => sessions.remove(id),
      renew: (renewal) => sessions.renew(renewal),
    },
    spool,
    authorities: () => ({ caPem: 'PEM' }),
    rotateAuthority: async (step) => void steps.push(step),
    usageOf: (id) =>
      id === 's1' ? { inputTokens: 1, outputTokens: 2, requests: 3, budgetLeft: null, exhausted: false } : undefined,
    applySettings: async (settings) => void given.push(settings),
    log: () => {},
  })
  await listenOnSocket(server, path)
})
afterEach(async () => {
  server.close()
  server.closeAllConnections()
  await spool[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

function send(method: string, target: string, body?: unknown): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: path, method, path: target, agent: false }, resolve)
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body))
  })
}

async function ask(method: string, target: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  const answer = await send(method, target, body)
  const content = await text(answer)
  return { status: answer.statusCode ?? 0, body: content === '' ? undefined : JSON.parse(content) }
}

const deny = async (times: number) => {
  for (let count = 0; count < times; count++)
    await sessions.get('s1')?.deny({ layer: 'dns', asked: 'evil.test' }, 'host')
}

test('GET /health says who answers', async () => {
  await ask('PUT', '/sandboxes/s1', configOf())
  expect(await ask('GET', '/health')).toEqual({
    status: 200,
    body: { version: '1', boot: 'boot-1', sandboxes: 1, ledger: 'ok', caPem: 'PEM' },
  })
})

test('PUT, lease and DELETE of a sandbox', async () => {
  expect(await ask('PUT', '/sandboxes/s1', configOf())).toEqual({ status: 204, body: undefined })
  expect(sessions.find(ADDRESSES)?.id).toBe('s1')
  expect(await ask('POST', '/lease', { ids: ['s1', 's2'], leaseMs: 30_000 })).toEqual({
    status: 200,
    body: { unknown: ['s2'] },
  })
  await deny(2)
  expect(await ask('DELETE', '/sandboxes/s1')).toEqual({ status: 200, body: { lastPosition: 2 } })
  expect(await ask('DELETE', '/sandboxes/s1')).toEqual({ status: 200, body: { lastPosition: 2 } })
  expect(sessions.find(ADDRESSES)).toBeUndefined()
})

test.each([
  ['another id than the path', configOf({ id: 's2' }), 422],
  ['an unknown key', { ...configOf(), extra: 1 }, 422],
  ['an address that is a name', configOf({ sandboxAddress: 'localhost' }), 422],
  ['a rule that is no rule', { ...configOf(), policy: { policy: { allow: [{ host: '*.com' }] } } }, 422],
  [
    'a deny rule that says what only an allow rule can',
    { ...configOf(), policy: { policy: {}, deny: [{ host: 'a.test', internal: true }] } },
    422,
  ],
  [
    'a header that ends a line',
    configOf({ credentials: { npm: { header: 'authorization', value: 'a\r\nb: c' } } }),
    422,
  ],
  ['text', 'not json', 400],
  ['nothing', undefined, 400],
])('PUT /sandboxes refuses %s and changes nothing', async (_, body, status) => {
  await ask('PUT', '/sandboxes/s1', configOf({ policyVersion: 7 }))
  expect((await ask('PUT', '/sandboxes/s1', body)).status).toBe(status)
  expect(sessions.get('s1')?.policyVersion).toBe(7)
})

test('no refusal quotes a secret', async () => {
  const model = { wire: 'chat', baseUrl: 'https://a.test', key: 'sk-secret\n', internal: 'no' }
  const { status, body } = await ask('PUT', '/sandboxes/s1', { ...configOf(), model })
  expect(status).toBe(422)
  expect(JSON.stringify(body)).not.toContain('secret')
})

test('POST /lease refuses a lease over 30 s', async () => {
  expect((await ask('POST', '/lease', { ids: [], leaseMs: 30_001 })).status).toBe(422)
})

test('a body over the bound is refused', async () => {
  expect((await ask('PUT', '/sandboxes/s1', `"${'x'.repeat(9 * 1024 * 1024)}"`)).status).toBe(413)
})

test.each([
  ['GET', '/', 404],
  ['POST', '/health', 404],
  ['GET', '//', 404],
  ['PUT', '/sandboxes/a%2fb', 422],
  ['GET', '/usage/..%2e', 422],
  ['GET', '/usage/s2', 404],
  ['GET', '/ledger?after=-1', 422],
  ['GET', '/ledger?after=1e3', 422],
  ['POST', '/ca/rotate?step=all', 422],
])('%s %s is %i', async (method, target, status) => {
  expect((await ask(method, target)).status).toBe(status)
})

test('GET /usage, PUT /settings, POST /ca/rotate', async () => {
  expect((await ask('GET', '/usage/s1')).body).toEqual({
    inputTokens: 1,
    outputTokens: 2,
    requests: 3,
    budgetLeft: null,
    exhausted: false,
  })
  const settings = {
    forbidden: ['10.0.0.0/8'],
    hostAddresses: [],
    staticHosts: {},
    upstreamCas: [],
    redactQueries: true,
  }
  expect((await ask('PUT', '/settings', settings)).status).toBe(204)
  expect(given).toEqual([settings])
  expect((await ask('PUT', '/settings', { ...settings, upstreamProxy: 'socks://x' })).status).toBe(422)
  expect((await ask('POST', '/ca/rotate')).body).toEqual({ caPem: 'PEM' })
  expect((await ask('POST', '/ca/rotate?step=activate')).status).toBe(200)
  expect(steps).toEqual(['prepare', 'activate'])
})

test('GET /ledger gives history, then live records; ack forgets', async () => {
  await ask('PUT', '/sandboxes/s1', configOf())
  await deny(100)
  const answer = await send('GET', '/ledger?after=40')
  expect(answer.headers['content-type']).toBe('application/x-ndjson')
  let received = ''
  const positions = () =>
    received
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { position: number }).position)
  for await (const chunk of answer) {
    received += String(chunk)
    if (positions().at(-1) === 100) await deny(1)
    if (positions().at(-1) === 101) break
  }
  expect(positions()).toEqual(Array.from({ length: 61 }, (_, index) => 41 + index))
  expect((await ask('POST', '/ledger/ack', { position: 101 })).status).toBe(204)
  const rest = await send('GET', '/ledger?after=0')
  const [first] = await (rest[Symbol.asyncIterator]() as AsyncIterator<Buffer>)
    .next()
    .then(({ value }) => String(value).split('\n'))
  expect((JSON.parse(first ?? '') as { position: number }).position).toBeGreaterThan(50)
  rest.destroy()
})

test('GET /ledger holds back for a slow reader', async () => {
  await ask('PUT', '/sandboxes/s1', configOf())
  let reads = 0
  const read = spool.read.bind(spool)
  spool.read = async function* (after, signal) {
    for await (const chunk of read(after, signal)) {
      reads++
      yield chunk
    }
  }
  const session = sessions.get('s1')
  await Promise.all(
    Array.from({ length: 20_000 }, async () => {
      await session?.deny({ layer: 'dns', asked: 'x'.repeat(400) }, 'host')
    }),
  )
  const answer = await send('GET', '/ledger')
  await new Promise((resolve) => answer.once('readable', resolve))
  const early = reads
  let bytes = 0
  for await (const chunk of answer) {
    bytes += (chunk as Buffer).length
    if (bytes > 12_000_000) break
  }
  // A chunk is a quarter of a MiB; what the sockets take is far less than all.
  expect(early).toBeLessThan(15)
  expect(reads).toBeGreaterThan(40)
})

test('listenOnSocket() replaces a socket that was left behind, for its user alone', async () => {
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const second = createControlServer({} as never)
  await listenOnSocket(second, path, 0o660)
  expect(statSync(path).mode & 0o777).toBe(0o660)
  second.close()
})

test('assertUnused() tells a live socket from one that was left behind', async () => {
  await expect(assertUnused(path)).rejects.toThrow(/another gateway/)
  await expect(assertUnused(join(folder, 'none.sock'))).resolves.toBeUndefined()
})

test('listenOnSocket() refuses a path that would be cut', async () => {
  await expect(listenOnSocket(createControlServer({} as never), `/tmp/${'x'.repeat(103)}`)).rejects.toThrow(/107/)
})

test('rubbish on the socket ends that connection only', async () => {
  const socket = connect(path)
  socket.on('error', () => {})
  socket.write('\0\0\0 HTTP\r\n\r\n')
  await new Promise((resolve) => socket.once('close', resolve))
  expect((await ask('GET', '/health')).status).toBe(200)
})
