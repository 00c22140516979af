import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { engineProxy } from '../support/engine-proxy.ts'
import type { EngineProxy } from '../support/engine-proxy.ts'
import { githubWorld, holdNext, onlyAttempt } from '../support/github-world.ts'
import type { GitHubWorld } from '../support/github-world.ts'
import type { TaskJson, TestServer } from '../support/server.ts'

// An attempt stands in each phase, with the real engine, when that hangs or vanishes. Each is ended by a cancel or by its
// limit, while the engine is away still; and when it is back, nothing is left.

// Cleaning up waits for the engine, half a minute for each thing: an attempt has a sandbox, networks and a collector.
vi.setConfig({ testTimeout: 400_000 })

const run = promisify(execFile)

/** Prints what no log has but for it ran, and goes no further. */
const STAND = 'echo here-$((1 + 1)); sleep 600'
const SAID = /here-2/

type Place = {
  name: string
  settings?: Record<string, unknown>
  prompt?: string
  /** What reaches the engine when the attempt gets there, and is not answered. */
  request?: RegExp
  limit: string
}

const PLACES: Place[] = [
  { name: 'sandbox', request: /POST \/[^ ]*containers\/create/, limit: 'sandboxMs' },
  { name: 'checkout', request: /drydock-left/, limit: 'checkoutMs' },
  { name: 'collect', prompt: 'echo hello > hello.txt', request: /write-tree/, limit: 'collectMs' },
  { name: 'setup', settings: { setupScript: STAND }, limit: 'setupMs' },
  { name: 'maintenance', settings: { maintenanceScript: STAND }, limit: 'setupMs' },
  { name: 'agent', prompt: STAND, limit: 'agentMs' },
  {
    ...{ name: 'network', prompt: STAND, limit: 'agentMs' },
    settings: { policy: { setup: {}, agent: { allow: [{ host: 'a.test' }] } } },
  },
]

/** A network is given up for some minutes before its attempt ends by a limit; a cancel does not wait for it. */
const LIMITED = PLACES.filter(({ name }) => name !== 'network')

type Scene = AsyncDisposable & { world: GitHubWorld; engine: EngineProxy; server: TestServer }

async function scene(): Promise<Scene> {
  const world = await githubWorld()
  const engine = await engineProxy(join(world.folder, 'engine.sock'))
  const server = await world.serve({ DOCKER_HOST: `unix://${engine.socketPath}`, DRYDOCK_CAPACITY: '32' })
  // What waits in the queue stands nowhere.
  await world.database.client`update users set max_running = 32`
  return {
    ...{ world, engine, server },
    async [Symbol.asyncDispose]() {
      await server.close()
      await engine[Symbol.asyncDispose]()
      await world[Symbol.asyncDispose]()
    },
  }
}

/** Submits a task in an environment of its own. */
async function submit(server: TestServer, { name, settings, prompt }: Place, limits: Record<string, number> = {}) {
  const environment = `${name}-${Object.keys(limits).join('-')}`
  const made = await server.call('POST', '/environments', {
    ...{ name: environment, repository: 'acme/app', image: 'base', policy: { setup: {}, agent: {} }, limits },
    ...settings,
  })
  expect(made).toMatchObject({ status: 201 })
  const created = await server.call<TaskJson>('POST', '/tasks', { environment, mode: 'code', prompt: prompt ?? 'true' })
  expect(created).toMatchObject({ status: 201 })
  return created.body.id
}

/** Submits a task and resolves when it stands where it should. */
async function standing({ server, engine }: Scene, place: Place, limits?: Record<string, number>): Promise<string> {
  const held = place.request && engine.hold(place.request)
  const id = await submit(server, place, limits)
  await (held ?? untilSaid(server, id))
  return id
}

async function untilSaid(server: TestServer, id: string): Promise<void> {
  const headers = { authorization: `Bearer ${server.token}` }
  const response = await fetch(`${server.url}/api/v1/tasks/${id}/events`, { headers })
  let seen = ''
  for await (const chunk of response.body ?? []) {
    seen += Buffer.from(chunk as Uint8Array).toString()
    if (SAID.test(seen)) return
  }
  throw new Error(`The task ended before it was there: ${seen}`)
}

/** One after the other where a request is held, so that it is the right one's; the rest side by side. */
async function allStanding(stage: Scene, tasks: { place: Place; limits?: Record<string, number> }[]) {
  const ids = new Map<(typeof tasks)[number], string>()
  const stand = async (task: (typeof tasks)[number]) =>
    void ids.set(task, await standing(stage, task.place, task.limits))
  for (const task of tasks.filter(({ place }) => place.request)) await stand(task)
  await Promise.all(tasks.filter(({ place }) => !place.request).map(stand))
  return tasks.map((task) => ({ name: task.place.name, id: ids.get(task) ?? '' }))
}

const cancel = async (server: TestServer, id: string) =>
  expect(await server.call('POST', `/tasks/${id}/cancel`)).toMatchObject({ status: 200 })

const stateOf = async (server: TestServer, id: string) => (await onlyAttempt(server, id)).state

/** `expect.poll` knows not which of the tests that run side by side it is in. */
const eventually = (check: () => Promise<void>) => vi.waitFor(check, { timeout: 150_000, interval: 250 })

/** Containers, networks and volumes of an installation, and of attempts alone. */
async function leftOf({ server }: Scene, { ofAttempts }: { ofAttempts: boolean }): Promise<string[]> {
  const installation = (await readFile(join(server.folder, 'data/installation'), 'utf8')).trim()
  const filter = ['--filter', `label=drydock.installation=${installation}`]
  const format = ['--format', ofAttempts ? '{{.Label "drydock.attempt"}}{{.Label "drydock.build"}}' : '{{.Labels}}']
  const listed = await Promise.all(
    [
      ['ps', '-a'],
      ['network', 'ls'],
      ['volume', 'ls'],
    ].map((what) => run('docker', [...what, ...filter, ...format])),
  )
  return listed.flatMap(({ stdout }) => stdout.split('\n').filter(Boolean))
}

/** When the engine is back, what belongs to attempts is swept, and with the server the rest goes. */
async function expectNothingLeft(stage: Scene): Promise<void> {
  await eventually(async () => expect(await leftOf(stage, { ofAttempts: true })).toEqual([]))
  await stage.server.close()
  expect(await leftOf(stage, { ofAttempts: false })).toEqual([])
}

test.concurrent('an engine that hangs holds nobody: cancel and limits end attempts in every phase', async () => {
  await using stage = await scene()
  const { server, engine, world } = stage
  // What an agent did until its limit is collected, for which the engine is needed, too.
  const limited = (place: Place) => ({ place, limits: { collectMs: 5000, [place.limit]: 30_000 } })
  // Those with limits come last, so that none is reached before the engine hangs.
  const standingOnes = await allStanding(stage, [...PLACES.map((place) => ({ place })), ...LIMITED.map(limited)])
  const ofCancels = standingOnes.slice(0, PLACES.length)
  const ofLimits = standingOnes.slice(PLACES.length)
  const publishing = holdNext(world.fake, /\/pulls/)
  const published = await submit(server, {
    ...{ name: 'publish', prompt: 'echo hello > hello.txt', limit: '' },
    settings: { publish: 'pull-request' },
  })
  await publishing.seen
  engine.hang()
  const queued = await submit(server, { name: 'queue', limit: '' })

  await Promise.all([queued, ...ofCancels.map(({ id }) => id)].map((id) => cancel(server, id)))
  for (const { id } of ofCancels) expect(await stateOf(server, id)).toBe('cancelled')
  expect(await stateOf(server, queued)).toBe('cancelled')
  // Publishing needs no engine.
  publishing.open()
  await server.finished(published)
  expect(await onlyAttempt(server, published)).toMatchObject({ state: 'succeeded', publish: { state: 'published' } })

  const ends = await Promise.all(
    ofLimits.map(async ({ name, id }) => {
      await server.finished(id)
      const { state, reason } = await onlyAttempt(server, id)
      return [name, state, reason]
    }),
  )
  expect(ends).toEqual(LIMITED.map(({ name, limit }) => [name, 'failed', `timed-out:${limit.slice(0, -'Ms'.length)}`]))
  engine.revive()
  await expectNothingLeft(stage)
})

test.concurrent(
  'an engine that vanishes gives attempts in every phase back to the queue, where a cancel ends them',
  async () => {
    await using stage = await scene()
    const { server, engine } = stage
    const standingOnes = await allStanding(
      stage,
      PLACES.map((place) => ({ place })),
    )
    engine.die()
    for (const { id } of standingOnes) {
      await eventually(async () => expect(await stateOf(server, id)).toBe('queued'))
      await cancel(server, id)
      expect(await stateOf(server, id)).toBe('cancelled')
    }
    engine.revive()
    await expectNothingLeft(stage)
  },
)
