import { execFile, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startUpstream } from '../docker/network/upstream.ts'
import { holds, searchContainer, spellingsOf } from '../support/search-sandbox.ts'
import { bareRepository, testServer, untilAgentRuns } from '../support/server.ts'
import type { TaskJson, TestServer } from '../support/server.ts'

const exec = promisify(execFile)
const canary = (name: string) => `${name}-${randomBytes(24).toString('hex')}`
const SECRET = canary('setup')
const BROKERED = canary('brokered')
/** Is left behind on purpose, in every place that is searched. */
const PLANTED = canary('planted')

/** No network at all: what is shown here does not need one. */
const OFF = { setup: { preset: 'none' } }

let server: TestServer
let origin: string

beforeAll(async () => {
  server = await testServer()
  origin = await bareRepository(server.folder, { 'README.md': 'one\ntwo\n' })
})
afterAll(() => server[Symbol.asyncDispose]())

async function environment(name: string, settings: Record<string, unknown>): Promise<void> {
  const made = await server.call('POST', '/environments', { name, repository: origin, image: 'base', ...settings })
  expect(made).toMatchObject({ status: 201 })
  for (const [secret, body] of [
    ['TOKEN', { kind: 'setup', value: SECRET }],
    ['API', { kind: 'brokered', value: `Bearer ${BROKERED}`, host: 'api.test' }],
  ] as const) {
    expect(await server.call('PUT', `/environments/${name}/secrets/${secret}`, body)).toMatchObject({ status: 200 })
  }
}

async function submit(name: string, prompt: string, more: Record<string, unknown> = {}): Promise<TaskJson> {
  const task = { environment: name, mode: 'code', prompt, ...more }
  const { status, body } = await server.call<TaskJson>('POST', '/tasks', task)
  expect(status).toBe(201)
  return body
}

async function eventsOf(task: string): Promise<string> {
  const headers = { authorization: `Bearer ${server.token}` }
  return (await fetch(`${server.url}/api/v1/tasks/${task}/events`, { headers })).text()
}

/** Which of some texts an image holds: its layers, its config and its history, as the engine exports them. */
async function foundInImage(image: string, texts: readonly string[]): Promise<string[]> {
  const found = new Set<string>()
  const save = spawn('docker', ['save', image], { stdio: ['ignore', 'pipe', 'inherit'] })
  let before = Buffer.alloc(0)
  for await (const chunk of save.stdout) {
    const bytes = Buffer.concat([before, chunk as Buffer])
    for (const text of texts) if (spellingsOf(text).some((spelling) => bytes.includes(spelling))) found.add(text)
    before = bytes.subarray(-200)
  }
  const { stdout } = await exec('docker', ['inspect', image])
  const history = await exec('docker', ['history', '--no-trunc', image])
  for (const text of texts) if (holds(stdout + history.stdout, [text])) found.add(text)
  return [...found]
}

test('a secret is in the environment of set-up, and afterwards in no process, file, image, log or answer', async () => {
  await environment('canary', {
    policy: OFF,
    setupScript: [
      'set -e; test -n "$TOKEN"; test -z "${API:-}"',
      'printf %s "$TOKEN" | sha256sum > /opt/proof',
      'echo "token is $TOKEN"; printf %s "$TOKEN" | base64; printf %s "$TOKEN" >&2',
      // What people do: a shell that keeps a history, and a process that stays.
      'HISTFILE=/root/.bash_history bash -ic \'set -o history; test -n "$TOKEN"; history -a\' 2>/dev/null || true',
      'setsid sleep 600 >/dev/null 2>&1 < /dev/null &',
      `echo ${PLANTED} > /opt/planted`,
    ].join('\n'),
    maintenanceScript: 'test -n "$TOKEN" && echo "maintenance has $TOKEN"',
  })
  const agent = [
    'cat /opt/proof; test -z "${TOKEN:-}${API:-}" && echo none in my environment',
    `PLANTED=${PLANTED} sleep 600 & touch /tmp/ready; while [ ! -e /tmp/go ]; do sleep 0.1; done; kill %1; true`,
  ].join('\n')
  const { id } = await submit('canary', agent, { mode: 'ask' })
  await untilAgentRuns(server, id)
  const { body: running } = await server.call<TaskJson>('GET', `/tasks/${id}`)
  const filter = [`label=drydock.attempt=${running.turns[0]?.attempts[0]?.id}`, 'label=drydock.kind=sandbox']
  const listed = await exec('docker', ['ps', '-q', ...filter.flatMap((each) => ['--filter', each])])
  const sandbox = listed.stdout.trim()
  await exec('docker', ['exec', sandbox, 'sh', '-c', 'while [ ! -e /tmp/ready ]; do sleep 0.1; done'])

  expect(await searchContainer(sandbox, [SECRET, BROKERED])).toEqual([])
  const planted = await searchContainer(sandbox, [PLANTED])
  for (const place of ['file /opt/planted', 'environ ', 'mem ']) {
    expect(
      planted.some((found) => found.startsWith(place)),
      place,
    ).toBe(true)
  }
  const image = (await exec('docker', ['inspect', '-f', '{{.Config.Image}}', sandbox])).stdout.trim()
  expect(await foundInImage(image, [SECRET, BROKERED, PLANTED])).toEqual([PLANTED])
  const config = (await exec('docker', ['inspect', sandbox])).stdout
  expect(holds(config, [SECRET, BROKERED])).toBe(false)

  await exec('docker', ['exec', sandbox, 'touch', '/tmp/go'])
  const task = await server.finished(id)
  const proof = createHash('sha256').update(SECRET).digest('hex')
  expect(task.turns[0]?.attempts[0]?.answer).toContain(proof)
  expect(task.turns[0]?.attempts[0]?.answer).toContain('none in my environment')
  const events = await eventsOf(id)
  expect(events).toContain('token is ***')
  expect(events).toContain('maintenance has ***')
  expect(holds(events + JSON.stringify(task), [SECRET, BROKERED])).toBe(false)
})

test('a change that holds a secret is flagged, and waits for a person whatever the environment says', async () => {
  await environment('leaking', {
    policy: OFF,
    maintenanceScript: 'echo "token=$TOKEN" > settings.ini',
    publish: 'branch',
    holdFlagged: false,
  })
  const { id } = await submit('leaking', 'echo three >> README.md')
  const attempt = (await server.finished(id)).turns[0]?.attempts[0]
  expect(attempt).toMatchObject({
    state: 'succeeded',
    publish: { state: 'held', reason: 'flagged-files' },
    flagged: [{ path: 'settings.ini', why: 'contains the value of secret TOKEN' }],
  })
  const asked = await server.call('POST', `/attempts/${attempt?.id}/pull-request`, {})
  expect(asked).toMatchObject({ status: 409, body: { detail: expect.stringContaining('settings.ini') } })
})

test('a brokered secret reaches its host where the policy allows it, and nowhere comes into the sandbox', async () => {
  const seen: [host: string, path: string, authorization: string | undefined][] = []
  await using upstream = await startUpstream(['api.test', 'other.test'], (request, response) => {
    const { host = '', authorization } = request.headers
    seen.push([host, request.url ?? '', authorization])
    response.end(request.url === '/echo' ? (authorization ?? 'nothing') : 'fine\n')
  })
  await server.call('PATCH', '/settings', {
    staticHosts: { 'api.test': [upstream.address], 'other.test': [upstream.address] },
    upstreamCas: [upstream.ca],
  })
  const open = ['api.test', 'other.test'].map((host) => ({ host, internal: true }))
  await environment('brokered', { policy: { setup: { preset: 'none' }, agent: { allow: open } } })
  const curl = (url: string) => `curl -s -m 20 ${url} || echo refused`
  const prompt = [curl('https://api.test/one'), curl('https://other.test/two'), curl('https://api.test/echo'), 'env']
  const { id } = await submit('brokered', prompt.join('\n'), { mode: 'ask' })
  const attempt = (await server.finished(id)).turns[0]?.attempts[0]
  expect(attempt).toMatchObject({ message: null, state: 'succeeded' })
  expect(seen).toEqual([
    ['api.test', '/one', `Bearer ${BROKERED}`],
    ['other.test', '/two', undefined],
    ['api.test', '/echo', `Bearer ${BROKERED}`],
  ])
  expect(holds(JSON.stringify(attempt) + (await eventsOf(id)), [BROKERED])).toBe(false)

  await environment('closed', { policy: { setup: { preset: 'none' }, agent: { allow: open.slice(1) } } })
  await server.finished((await submit('closed', curl('https://api.test/three'), { mode: 'ask' })).id)
  expect(seen).toHaveLength(3)
})

const DIFF = [
  ...['diff --git a/README.md b/README.md', '--- a/README.md', '+++ b/README.md'],
  ...['@@ -1,2 +1,2 @@', ' one', '-two', '+2', ''],
].join('\n')

test('a task starts from the diff that was sent, and its change contains it', async () => {
  await server.call('POST', '/environments', { name: 'plain', repository: origin, image: 'base' })
  const prompt = 'grep -q "^2$" README.md && test "$(stat -c %u README.md)" = "$(id -u)" && echo three >> README.md'
  const { id } = await submit('plain', prompt, { startingDiff: DIFF })
  const attempt = (await server.finished(id)).turns[0]?.attempts[0]
  expect(attempt).toMatchObject({ message: null, state: 'succeeded', diff: { files: 1, additions: 2, deletions: 1 } })
  const more = await server.call('POST', `/tasks/${id}/turns`, {
    prompt: 'grep -q three README.md && echo 4 >> README.md',
  })
  expect(more.status).toBe(201)
  const second = (await server.finished(id)).turns[1]?.attempts[0]
  expect(second).toMatchObject({ state: 'succeeded', diff: { additions: 3, deletions: 1 } })
})

test('a diff that does not apply fails the task with the words of git', async () => {
  const { id } = await submit('plain', 'true', { startingDiff: DIFF.replace(' one', ' another') })
  const attempt = (await server.finished(id)).turns[0]?.attempts[0]
  expect(attempt).toMatchObject({ state: 'failed', reason: 'checkout-failed' })
  expect(attempt?.message).toContain('the diff that was sent')
  expect(attempt?.message).toContain('README.md')
})
