import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'
import type { CacheJson } from '../../api/schemas/cache.ts'
import { cleanupStack } from '../../runner/cleanup.ts'
import { testDatabase } from '../support/database.ts'
import type { TestDatabase } from '../support/database.ts'
import { bareRepository, testServer } from '../support/server.ts'
import type { TaskJson, TestServer } from '../support/server.ts'

const run = promisify(execFile)
const docker = async (...args: string[]) => (await run('docker', args)).stdout.trim()

const installationOf = async (server: TestServer) =>
  (await readFile(join(server.folder, 'data', 'installation'), 'utf8')).trim()

/** The builds that have a container. Every container has the label; where it is no build's, it is empty. */
const buildContainers = async (server: TestServer) => {
  const ofServer = `label=drydock.installation=${await installationOf(server)}`
  return docker('ps', '-a', '--filter', ofServer, '--format', '{{.Label "drydock.build"}}')
}

async function makeEnvironment(server: TestServer, setupScript: string): Promise<void> {
  const repository = await bareRepository(server.folder)
  const policy = { setup: {}, agent: {} }
  const made = await server.call('POST', '/environments', { name: 'e', repository, image: 'base', setupScript, policy })
  expect(made.status).toBe(201)
}

async function submit(server: TestServer): Promise<string> {
  const { body } = await server.call<TaskJson>('POST', '/tasks', {
    environment: 'e',
    mode: 'ask',
    prompt: 'cat /stamp',
  })
  return body.id
}

async function startOf(server: TestServer, id: string) {
  const task = await server.finished(id)
  expect(task.state).toBe('succeeded')
  return task.turns[0]?.attempts[0]?.start
}

async function cacheWhere(server: TestServer, isSo: (cache: CacheJson) => boolean): Promise<CacheJson> {
  for (;;) {
    const { body } = await server.call<CacheJson>('GET', '/environments/e/cache')
    if (isSo(body)) return body
  }
}

/** With the server, its images go; they are its cache, so it leaves them itself. */
async function removeSnapshots(server: TestServer, { client }: TestDatabase): Promise<void> {
  await server.close()
  const images = await docker('images', '-q', '--filter', `label=drydock.installation=${await installationOf(server)}`)
  for (const image of new Set(images.split('\n').filter(Boolean))) await docker('rmi', '-f', image)
  await client`delete from snapshots`
}

test('every start says whether the cache was hit and why; reset and refresh do what they say', async () => {
  await using database = await testDatabase()
  await using server = await testServer({ databaseUrl: database.url })
  await makeEnvironment(server, 'date +%N > /stamp; echo set-up-ran')
  expect(await startOf(server, await submit(server))).toMatchObject({
    cache: 'miss',
    reason: 'first build',
    sandbox: 'cold',
  })
  expect(await startOf(server, await submit(server))).toMatchObject({
    cache: 'hit',
    reason: expect.stringMatching(/^made .* ago from/),
  })
  await server.call('POST', '/environments/e/reset-cache')
  expect(await startOf(server, await submit(server))).toMatchObject({
    cache: 'miss',
    reason: expect.stringMatching(/^reset by .+ at \d{4}-/),
  })

  expect((await server.call('POST', '/environments/e/refresh')).status).toBe(202)
  const { snapshots, lastBuild } = await cacheWhere(
    server,
    (cache) => cache.lastBuild?.cause.startsWith('refresh') === true,
  )
  expect(lastBuild).toMatchObject({ state: 'succeeded', output: expect.stringContaining('set-up-ran') })
  expect(snapshots).toHaveLength(2)
  expect(snapshots[0]?.sizeBytes).toBeGreaterThan(1_000_000)
  expect(await startOf(server, await submit(server))).toMatchObject({ cache: 'hit' })
  expect(await buildContainers(server)).toBe('')
  await removeSnapshots(server, database)
})

test('a task that is cancelled in its set-up leaves neither container nor image, and the next one sets up', async () => {
  await using database = await testDatabase()
  await using server = await testServer({ databaseUrl: database.url })
  await makeEnvironment(server, 'echo set-up-ran; test -e /stamp || sleep 600')
  const id = await submit(server)
  await cacheWhere(server, ({ building }) => building?.output.includes('set-up-ran') === true)
  expect(await buildContainers(server)).not.toBe('')
  await server.call('POST', `/tasks/${id}/cancel`)
  const { lastBuild, snapshots } = await cacheWhere(server, (cache) => cache.lastBuild !== null)
  expect(lastBuild).toMatchObject({ state: 'abandoned', message: 'Nobody waited for it any more' })
  expect(snapshots).toEqual([])
  expect(await buildContainers(server)).toBe('')
  await server.call('PATCH', '/environments/e', { setupScript: 'date > /stamp' })
  expect(await startOf(server, await submit(server))).toMatchObject({ cache: 'miss', reason: 'first build' })
  await removeSnapshots(server, database)
})

test('a server sweeps what the builds of a killed one left: containers, and images without a row', async () => {
  await using database = await testDatabase()
  const first = await testServer({ databaseUrl: database.url })
  await using cleanup = cleanupStack()
  cleanup.defer(() => first[Symbol.asyncDispose]())
  await first.close()
  const labels = ['installation=' + (await installationOf(first)), 'build=dead'].flatMap((label) => [
    '--label',
    `drydock.${label}`,
  ])
  const image = inject('baseImage')
  const container = await docker(
    'run',
    '-d',
    '--network',
    'none',
    ...labels,
    '--label',
    'drydock.kind=sandbox',
    image,
    'sleep',
    '600',
  )
  await docker('commit', '-c', 'LABEL drydock.kind=snapshot', container, 'drydock/snapshot:e-dead')
  await using second = await testServer({ folder: first.folder, databaseUrl: database.url })
  expect(await docker('ps', '-aq', '--filter', `id=${container}`)).toBe('')
  expect(await docker('images', '-q', 'drydock/snapshot:e-dead')).toBe('')
  await second.close()
})
