import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { basename } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { hostAddress } from '../support/host-address.ts'
import { startMockModel } from '../support/mock-model/server.ts'
import { bareRepository, gitIn, testServer } from '../support/server.ts'
import type { TaskJson, TestServer } from '../support/server.ts'

type Record_ = {
  phase: string
  layer: string
  host: string
  verdict: string
  reason: string | null
  method: string
  path: string
}

let server: TestServer
let origin: string

beforeAll(async () => {
  server = await testServer()
  origin = await bareRepository(server.folder, { 'README.md': 'hi\n' })
})
afterAll(() => server[Symbol.asyncDispose]())

async function runTask(environment: string, prompt: string, mode = 'code') {
  const created = await server.call<TaskJson>('POST', '/tasks', { environment, mode, prompt })
  expect(created).toMatchObject({ status: 201 })
  const task = await server.finished(created.body.id)
  const attempt = task.turns.at(-1)?.attempts[0]
  if (!attempt) throw new Error('the task has no attempt')
  const ledger = await server.call<{ data: Record_[] }>('GET', `/attempts/${attempt.id}/ledger`)
  return { task, attempt, ledger: ledger.body.data }
}

/** What a web server on this machine was asked, each as `METHOD /path`. */
async function recordingServer() {
  const asked: string[] = []
  const http = createServer((req, res) => {
    asked.push(`${req.method} ${req.url}`)
    res.end('hello from outside\n')
  })
  await new Promise<void>((resolve) => http.listen(0, hostAddress(), resolve))
  return { asked, port: (http.address() as AddressInfo).port, close: () => http.close() }
}

test('an agent reaches what its policy allows, the rest is refused, and both are on the ledger', async () => {
  const outside = await recordingServer()
  await server.call('PATCH', '/settings', {
    staticHosts: { 'allowed.test': [hostAddress()], 'denied.test': [hostAddress()] },
  })
  const { status } = await server.call('POST', '/environments', {
    name: 'open',
    repository: origin,
    image: 'universal',
    policy: { allow: [{ host: 'allowed.test', port: outside.port, internal: true }] },
  })
  expect(status).toBe(201)
  const { attempt, ledger } = await runTask(
    'open',
    [
      `curl -sS http://allowed.test:${outside.port}/a > got.txt`,
      `curl -sS http://denied.test:${outside.port}/b >> got.txt`,
      `curl -sS -X POST http://allowed.test:${outside.port}/c >> got.txt`,
      `git ls-remote http://git.drydock.internal/${basename(origin, '.git')} >> got.txt`,
      `git ls-remote http://git.drydock.internal/other >> got.txt 2>&1`,
      `git push http://git.drydock.internal/${basename(origin, '.git')} HEAD:refs/heads/x 2>> got.txt; true`,
    ].join('; '),
  )
  outside.close()
  expect(attempt).toMatchObject({ state: 'succeeded', diff: { files: 1 } })
  expect(outside.asked).toEqual(['GET /a'])
  expect(ledger.map(({ host, verdict, reason }) => [host, verdict, reason])).toEqual([
    ['allowed.test', 'allow', null],
    ['denied.test', 'deny', 'host'],
    ['allowed.test', 'deny', 'method'],
    ...Array.from({ length: 2 }, () => ['git.drydock.internal', 'allow', null]),
    ...Array.from({ length: 2 }, () => ['git.drydock.internal', 'deny', 'path']),
  ])
  const head = (await gitIn(origin, 'rev-parse', 'main')).trim()
  const diff = await server.call<string>('GET', `/attempts/${attempt.id}/diff`)
  expect(diff.body).toContain(`+${head}\trefs/heads/main`)
  expect(await gitIn(origin, 'for-each-ref', 'refs/heads/x')).toBe('')
})

test('a set-up script goes through the gateway by default, and the agent after it has no network', async () => {
  await server.call('POST', '/environments', {
    name: 'set-up',
    repository: origin,
    image: 'universal',
    setupScript: 'curl -sS -m 10 -o /dev/null http://nowhere.invalid/ || true; echo done > /opt/made',
  })
  const { attempt, ledger } = await runTask(
    'set-up',
    'cat /opt/made > made.txt; ls /sys/class/net | tr "\\n" " " > net.txt; env -u TASK_PROMPT | grep -ci proxy >> net.txt; true',
  )
  expect(attempt).toMatchObject({ state: 'succeeded', diff: { files: 2 } })
  expect(await server.call<string>('GET', `/attempts/${attempt.id}/diff`)).toMatchObject({
    body: expect.stringMatching(/\+done[\s\S]*\+lo 0|\+lo 0[\s\S]*\+done/),
  })
  const asked = { phase: 'setup', host: 'nowhere.invalid', reason: 'upstream-dns' }
  expect(ledger).toMatchObject([asked])
  // A build that no task waits for: the environment has what it asks.
  const ofBuilds = async () =>
    (await server.call<{ data: unknown[] }>('GET', '/environments/set-up/cache/ledger')).body.data
  expect(await ofBuilds()).toEqual([])
  expect(await server.call('POST', '/environments/set-up/refresh')).toMatchObject({ status: 202 })
  await expect
    .poll(ofBuilds, { timeout: 120_000 })
    .toMatchObject([{ ...asked, attempt: null, build: expect.stringMatching(/./) as string }])
})

test('codex does a Code task with the internet off; the provider gets a key that is nowhere inside, and a follow-up goes on', async () => {
  const key = 'sk-canary-0123456789abcdefghij'
  await using model = await startMockModel({ host: hostAddress(), key })
  const provider = await server.call('POST', '/providers', {
    name: 'mock',
    wire: 'responses',
    baseUrl: `http://${hostAddress()}:${model.port}/v1`,
    key,
    internal: true,
    isDefault: true,
  })
  expect(provider).toMatchObject({ status: 201 })
  await server.call('POST', '/environments', {
    name: 'codex',
    repository: origin,
    image: 'universal',
    agent: 'codex',
    publish: 'branch',
    model: 'gpt-5.5',
  })
  const { task, attempt, ledger } = await runTask('codex', '[[code]] please')
  expect(attempt).toMatchObject({ message: null, state: 'succeeded', publish: { state: 'published' } })
  expect(await gitIn(origin, 'show', `${attempt.branch}:hello.txt`)).toBe('hello\nworld\n')
  expect(model.requests.length).toBeGreaterThan(1)
  expect(model.requests.every(({ headers }) => headers.authorization === `Bearer ${key}`)).toBe(true)
  expect(ledger.every(({ layer, verdict }) => layer === 'http' && verdict === 'allow')).toBe(true)
  expect(task.turns[0]?.attempts[0]).toMatchObject({ usage: { inputTokens: expect.any(Number) } })
  const events = await fetch(`${server.url}/api/v1/tasks/${task.id}/events`, {
    headers: { authorization: `Bearer ${server.token}` },
  })
  expect(await events.text()).not.toContain(key)

  const before = model.requests.length
  const more = await server.call('POST', `/tasks/${task.id}/turns`, { prompt: '[[hello]] and now?' })
  expect(more).toMatchObject({ status: 201 })
  const after = await server.finished(task.id)
  expect(after.turns.at(-1)?.attempts[0]).toMatchObject({ state: 'succeeded' })
  // The conversation is there: what was asked in the first turn is sent along.
  expect(model.requests.slice(before).some(({ body }) => body.includes('[[code]] please'))).toBe(true)
})

test.each([
  ['claude', 'anthropic', 'claude-sonnet-4-5', 'x-api-key'],
  ['opencode', 'chat', 'mock-model', 'authorization'],
] as const)('%s does a Code task with the internet off', async (agent, wire, modelName, header) => {
  const key = `sk-canary-of-${agent}-0123456789`
  await using model = await startMockModel({ host: hostAddress(), key })
  await server.call('POST', '/providers', {
    name: agent,
    wire,
    baseUrl: `http://${hostAddress()}:${model.port}/v1`,
    key,
    internal: true,
    isDefault: true,
  })
  await server.call('POST', '/environments', {
    name: agent,
    repository: origin,
    image: 'base',
    agent,
    publish: 'branch',
    model: modelName,
  })
  const { attempt } = await runTask(agent, '[[code]] please')
  expect(attempt).toMatchObject({ message: null, state: 'succeeded', publish: { state: 'published' } })
  expect(await gitIn(origin, 'show', `${attempt.branch}:hello.txt`)).toBe('hello\nworld\n')
  expect(model.requests.length).toBeGreaterThan(1)
  expect(model.requests.every(({ headers }) => String(headers[header]).endsWith(key))).toBe(true)
})
