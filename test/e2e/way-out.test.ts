import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import type { TestDatabase } from '../support/database.ts'
import { engineProxy } from '../support/engine-proxy.ts'
import type { EngineProxy } from '../support/engine-proxy.ts'
import { bareRepository, testServer, untilLogged } from '../support/server.ts'
import type { TaskJson, TestServer } from '../support/server.ts'

// What an engine that vanishes or hangs does to an attempt, with the real one behind a proxy. Nothing restarts the server.

const run = promisify(execFile)
const STANDING = 'echo standing; sleep 600'
/** Another start of the same environment does not stand still. */
const ONCE = `if [ "$STAND" = yes ]; then ${STANDING}; fi`

let folder: string
let database: TestDatabase
let engine: EngineProxy
let server: TestServer
let repository: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dd-'))
  database = await testDatabase()
  engine = await engineProxy(join(folder, 'engine.sock'))
  const env = { DOCKER_HOST: `unix://${engine.socketPath}` }
  server = await testServer({ folder, databaseUrl: database.url, env })
  repository = await bareRepository(folder)
})
afterAll(async () => {
  await server.close()
  await engine[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
  await rm(folder, { recursive: true, force: true })
})

/** A task that stands still, as its log says by now. */
async function standing(environment: Record<string, unknown>, prompt = 'true'): Promise<{ id: string; name: string }> {
  const name = `e${Math.random().toString(36).slice(2)}`
  const policy = { setup: {} }
  const made = await server.call('POST', '/environments', { name, repository, image: 'base', policy, ...environment })
  expect(made).toMatchObject({ status: 201 })
  const id = await submit(name, prompt)
  await untilLogged(server, id, /"text": ?"standing/)
  return { id, name }
}

async function submit(environment: string, prompt: string): Promise<string> {
  const { status, body } = await server.call<TaskJson>('POST', '/tasks', { environment, mode: 'code', prompt })
  expect(status).toBe(201)
  return body.id
}

const only = (task: TaskJson) => task.turns[0]?.attempts[0]

/** The engine is back: the server takes tasks, and keeps nothing of the earlier ones. */
async function goesOn(name: string): Promise<void> {
  engine.revive()
  await server.call('PATCH', `/environments/${name}`, { setupScript: null, maintenanceScript: null })
  expect(only(await server.finished(await submit(name, 'echo on > on.txt')))).toMatchObject({ state: 'succeeded' })
  const installation = (await readFile(join(folder, 'data', 'installation'), 'utf8')).trim()
  const ours = ['ps', '-aq', '--filter', `label=drydock.installation=${installation}`]
  // What an engine was told while it hung it does when it goes on; what it was not told is swept.
  while ((await run('docker', ours)).stdout.trim() !== '');
}

test.each([
  ['set-up is built', { setupScript: ONCE }],
  ['maintenance runs', { maintenanceScript: ONCE }],
])('an engine that vanishes while %s: the attempt waits in the queue, and is tried again', async (_, scripts) => {
  const { id, name } = await standing({ ...scripts, variables: { STAND: 'yes' } })
  engine.die()
  await untilLogged(server, id, /"because": ?"engine-unavailable"/)
  await server.call('PATCH', `/environments/${name}`, { variables: { STAND: 'no' } })
  engine.revive()
  expect(only(await server.finished(id))).toMatchObject({ state: 'succeeded' })
  await goesOn(name)
})

test('an engine that hangs while an agent runs: the limit ends the attempt', async () => {
  const { id, name } = await standing({ limits: { agentMs: 3000, collectMs: 2000 } }, STANDING)
  engine.hang()
  expect(only(await server.finished(id))).toMatchObject({ state: 'failed', reason: 'timed-out:agent' })
  await goesOn(name)
})

test.each([
  ['an agent runs', {}, STANDING],
  ['set-up is built', { setupScript: STANDING }, 'true'],
  ['maintenance runs', { maintenanceScript: STANDING }, 'true'],
])('an engine that hangs while %s: cancel ends the attempt at once', async (_, scripts, prompt) => {
  const { id, name } = await standing(scripts, prompt)
  engine.hang()
  expect(await server.call('POST', `/tasks/${id}/cancel`)).toMatchObject({ status: 200, body: { state: 'cancelled' } })
  await goesOn(name)
})
