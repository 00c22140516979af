import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bareRepository, testServer } from '../support/server.ts'
import type { AttemptJson, TaskJson, TestServer } from '../support/server.ts'

const run = promisify(execFile)
const POSTGRES = { name: 'postgres', port: 5432, env: { POSTGRES_PASSWORD: 'of-a-test', PG_LISTEN: '*' } }
/** Says hello as PostgreSQL's clients do: asks whether it speaks TLS, and reads the one letter of the answer. */
const ASK =
  'exec 3<>/dev/tcp/$POSTGRES_HOST/$POSTGRES_PORT && printf "\\0\\0\\0\\010\\004\\322\\026\\057" >&3 && head -c 1 <&3'

let server: TestServer
let origin: string
let postgres: string

beforeAll(async () => {
  server = await testServer()
  origin = await bareRepository(server.folder)
  const { stdout } = await run(process.execPath, ['scripts/image.mjs', 'tag', 'postgres'])
  postgres = stdout.trim()
})
afterAll(async () => {
  const installation = (await readFile(join(server.folder, 'data', 'installation'), 'utf8')).trim()
  await server[Symbol.asyncDispose]()
  const { stdout } = await run('docker', ['images', '-q', '--filter', `label=drydock.installation=${installation}`])
  for (const image of new Set(stdout.split('\n').filter(Boolean))) await run('docker', ['rmi', '-f', image])
})

async function environment(name: string, settings: Record<string, unknown>): Promise<void> {
  const body = { name, repository: origin, image: 'base', policy: { setup: { preset: 'none' } }, ...settings }
  expect(await server.call('POST', '/environments', body)).toMatchObject({ status: 201 })
}

async function attempt(name: string, prompt: string): Promise<AttemptJson | undefined> {
  const task = { environment: name, mode: 'ask', prompt }
  const { body } = await server.call<TaskJson>('POST', '/tasks', task)
  return (await server.finished(body.id)).turns[0]?.attempts[0]
}

/** The containers of an attempt or a build, as the engine lists them. */
async function containersWith(label: string): Promise<string> {
  return (await run('docker', ['ps', '-aq', '--filter', `label=${label}`])).stdout.trim()
}

test('set-up, maintenance and the agent talk to a service by its name; it has nothing of the attempt before', async () => {
  await environment('with-postgres', {
    services: [{ ...POSTGRES, image: postgres }],
    setupScript: `${ASK} > /opt/setup-heard`,
    maintenanceScript: `${ASK} > /opt/maintenance-heard`,
  })
  const prompt = `cat /opt/setup-heard /opt/maintenance-heard; ${ASK}; curl -sS -m 5 http://postgres:5432/ 2>&1 | head -c 40`
  const found = await attempt('with-postgres', prompt)
  expect(found).toMatchObject({ state: 'succeeded', message: null })
  // "N": this server speaks no TLS. curl went to it, and not to the gateway, whose answer is HTTP.
  expect(found?.answer).toMatch(/^NNN.*Empty reply/)
  expect(await containersWith(`drydock.attempt=${found?.id}`)).toBe('')
})

test('a network that a service needs opens nothing', async () => {
  const found = await attempt('with-postgres', 'curl -sS -m 5 -o /dev/null -w "%{http_code}" http://example.com/')
  expect(found?.answer).toContain('403')
})

test('an attempt whose service does not come up fails, names it and its last words, and leaves nothing', async () => {
  await environment('broken', { services: [{ name: 'db', image: postgres, port: 5432, env: { PG_LISTEN: '*' } }] })
  const found = await attempt('broken', 'echo never')
  expect(found).toMatchObject({ state: 'failed', reason: 'service-failed' })
  expect(found?.message).toContain('Cannot use service "db": it ended with exit code 1')
  expect(found?.message).toContain('Cannot start PostgreSQL: no password')
  expect(await containersWith(`drydock.attempt=${found?.id}`)).toBe('')
})

test('an attempt whose service has no image fails before anything starts', async () => {
  await environment('imageless', { services: [{ name: 'db', image: 'registry.invalid/none:1' }] })
  const found = await attempt('imageless', 'echo never')
  expect(found).toMatchObject({ state: 'failed', reason: 'service-failed' })
  expect(found?.message).toContain('Cannot start service "db": Cannot use image "registry.invalid/none:1"')
})
