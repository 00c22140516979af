import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { engineProxy } from '../support/engine-proxy.ts'
import { bareRepository, gitIn, testServer, untilAgentRuns } from '../support/server.ts'
import type { TaskJson, TestServer } from '../support/server.ts'

const run = promisify(execFile)
const SLOW = 'for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.5; done; echo done > done.txt'

async function submit(server: TestServer, prompt: string): Promise<string> {
  const repository = await bareRepository(server.folder)
  await server.call('POST', '/environments', { name: 'e', repository, image: 'base', publish: 'branch' })
  const created = await server.call<TaskJson>('POST', '/tasks', { environment: 'e', mode: 'code', prompt })
  expect(created.status).toBe(201)
  return created.body.id
}

async function containersOf(server: TestServer): Promise<string> {
  const installation = await readFile(join(server.folder, 'data', 'installation'), 'utf8')
  return (
    await run('docker', ['ps', '-aq', '--filter', `label=drydock.installation=${installation.trim()}`])
  ).stdout.trim()
}

test('the database is killed while an agent runs: the server starts it again and the task succeeds', async () => {
  await using server = await testServer()
  const id = await submit(server, SLOW)
  await untilAgentRuns(server, id)
  const installation = (await readFile(join(server.folder, 'data', 'installation'), 'utf8')).trim()
  await run('docker', ['kill', `drydock-postgres-${installation}`])
  const task = await server.finished(id)
  expect(task.turns[0]?.attempts[0]).toMatchObject({
    state: 'succeeded',
    publish: { state: 'published' },
    diff: { files: 1 },
  })
})

test('a server that is stopped hands its attempts back, leaves nothing, and the next one finishes them', async () => {
  await using database = await testDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'dd-'))
  try {
    const first = await testServer({ folder, databaseUrl: database.url })
    const id = await submit(first, SLOW)
    await untilAgentRuns(first, id)
    await first.close()
    expect(await containersOf(first)).toBe('')
    const [row] = await database.client`select state, lost from attempts`
    expect(row).toMatchObject({ state: 'queued', lost: 0 })

    await using second = await testServer({ folder, databaseUrl: database.url })
    const task = await second.finished(id)
    expect(task.turns[0]?.attempts[0]).toMatchObject({ state: 'succeeded', publish: { state: 'published' } })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('the engine goes away while an agent runs: the attempt waits in the queue and succeeds when it is back', async () => {
  await using database = await testDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'dd-'))
  await using engine = await engineProxy(join(folder, 'engine.sock'))
  try {
    await using server = await testServer({
      folder,
      databaseUrl: database.url,
      env: { DOCKER_HOST: `unix://${engine.socketPath}` },
    })
    const id = await submit(server, SLOW)
    await untilAgentRuns(server, id)
    engine.die()
    await untilState(database, id, 'queued')
    engine.revive()
    const task = await server.finished(id)
    expect(task.turns[0]?.attempts[0]).toMatchObject({ state: 'succeeded', publish: { state: 'published' } })
    await server.close()
    expect(await containersOf(server)).toBe('')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})

test('four attempts of one prompt run side by side, each with a branch of its own', async () => {
  await using database = await testDatabase()
  await using server = await testServer({ databaseUrl: database.url })
  const origin = await bareRepository(server.folder)
  await server.call('POST', '/environments', { name: 'e', repository: origin, image: 'base', publish: 'branch' })
  const created = await server.call<TaskJson>('POST', '/tasks', {
    environment: 'e',
    mode: 'code',
    prompt: 'echo $RANDOM > x',
    attempts: 4,
  })
  const task = await server.finished(created.body.id)
  const branches = task.turns[0]?.attempts.map((attempt) => attempt.branch)
  expect(new Set(branches).size).toBe(4)
  const published = (await gitIn(origin, 'for-each-ref', '--format=%(refname:short)', 'refs/heads/drydock'))
    .trim()
    .split('\n')
  expect(published.sort()).toEqual(branches?.sort())
})

test('a setup script runs once for two tasks, and what it made is there', async () => {
  await using database = await testDatabase()
  await using server = await testServer({ databaseUrl: database.url })
  const repository = await bareRepository(server.folder, { '.gitignore': 'built/\n', 'a.txt': 'a\n' })
  const setupScript = 'git status --short && mkdir built && date +%N > built/stamp && echo set-up-ran'
  await server.call('POST', '/environments', { name: 'e', repository, image: 'base', setupScript })
  const stamps: (string | null | undefined)[] = []
  for (let i = 0; i < 2; i++) {
    const created = await server.call<TaskJson>('POST', '/tasks', {
      environment: 'e',
      mode: 'ask',
      prompt: 'cat built/stamp; rm built/stamp',
    })
    const task = await server.finished(created.body.id)
    expect(task.state).toBe('succeeded')
    stamps.push(task.turns[0]?.attempts[0]?.answer)
  }
  expect(stamps[0]).toMatch(/^\d+$/)
  expect(stamps[1]).toBe(stamps[0])
  const images = await database.client`select image from snapshots`
  await server.close()
  for (const { image } of images) await run('docker', ['rmi', String(image)])
})

async function untilState(
  database: Awaited<ReturnType<typeof testDatabase>>,
  taskId: string,
  state: string,
): Promise<void> {
  for (;;) {
    const [row] = await database.client`select state from attempts where task_id = ${taskId}`
    if (row?.['state'] === state) return
  }
}
