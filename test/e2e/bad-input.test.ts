import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { execFile } from 'node:child_process'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { testDatabase } from '../support/database.ts'
import type { TestDatabase } from '../support/database.ts'
import { bareRepository, gitIn, testServer, untilAgentRuns } from '../support/server.ts'
import type { AttemptJson, TaskJson, TestServer } from '../support/server.ts'

const run = promisify(execFile)
let database: TestDatabase
let server: TestServer
let origin: string
let n = 0

beforeAll(async () => {
  database = await testDatabase()
  server = await testServer({ databaseUrl: database.url })
  origin = await bareRepository(server.folder, { 'README.md': '# Sample\n', 'src/a.txt': 'a\n' })
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

type Input = { environment?: Record<string, unknown>; task?: Record<string, unknown> }

async function start({ environment, task }: Input): Promise<string> {
  const name = `e${++n}`
  const made = await server.call('POST', '/environments', { name, repository: origin, image: 'base', ...environment })
  expect(made).toMatchObject({ status: 201 })
  const body = { environment: name, mode: 'code', prompt: 'echo x > x.txt', ...task }
  const created = await server.call<TaskJson>('POST', '/tasks', body)
  expect(created).toMatchObject({ status: 201 })
  return created.body.id
}

async function attemptOf(input: Input): Promise<AttemptJson> {
  const task = await server.finished(await start(input))
  return task.turns[0]?.attempts[0] as AttemptJson
}

const prompt = (script: string, environment?: Record<string, unknown>): Input => ({
  task: { prompt: script },
  ...(environment && { environment }),
})

describe('what an agent or a script does wrong has a reason code', () => {
  test.each<[string, Input, string]>([
    ['an agent that exits 1', prompt('exit 1'), 'agent-exited'],
    ['a command that does not exist', prompt('Please fix the bug'), 'agent-exited'],
    ['an agent that never ends', prompt('sleep 600', { limits: { agentMs: 1500 } }), 'timed-out:agent'],
    ['an agent that is silent', prompt('sleep 600', { limits: { noOutputMs: 1500 } }), 'no-output:agent'],
    ['the total limit', prompt('sleep 600', { limits: { totalMs: 4000 } }), 'timed-out:total'],
    ['a setup script that fails', { environment: { setupScript: 'echo no; exit 3' } }, 'setup-failed'],
    [
      'a setup script that hangs',
      { environment: { setupScript: 'sleep 600', limits: { setupMs: 1500 } } },
      'timed-out:setup',
    ],
    ['a maintenance script that fails', { environment: { maintenanceScript: 'exit 4' } }, 'setup-failed'],
    [
      'an agent that takes all memory',
      prompt('head -c 300m /dev/zero | tail', { resources: { memoryMiB: 128 } }),
      'out-of-memory',
    ],
    [
      'an agent that fills the disk',
      prompt('dd if=/dev/zero of=/tmp/big bs=1M count=400; sleep 20', { resources: { diskMiB: 100 } }),
      'disk-full',
    ],
    ['a branch that does not exist', { task: { branch: 'nope' } }, 'branch-not-found'],
    ['an image that is nowhere', { environment: { image: 'registry.invalid/none:1' } }, 'image-unavailable'],
  ])('%s', async (_, input, reason) => {
    const attempt = await attemptOf(input)
    expect(attempt).toMatchObject({ state: 'failed', reason })
    expect(attempt.message).toMatch(/^(Cannot|The agent) .{20,}/s)
  })

  test('a fork bomb ends with its reason or is contained', async () => {
    const bomb = 'for i in $(seq 10000); do sleep 60 & done; echo forked > forked.txt; exit 7'
    const attempt = await attemptOf(prompt(bomb, { resources: { pids: 64 } }))
    expect(attempt.state).toBe('failed')
    expect(['too-many-processes', 'agent-exited']).toContain(attempt.reason)
  })
})

describe('what does no harm succeeds', () => {
  test.each<[string, Input, Partial<AttemptJson>]>([
    ['an agent that changes nothing', prompt('true'), { diff: { files: 0, additions: 0, deletions: 0 }, branch: null }],
    [
      'an agent that leaves processes behind',
      prompt('sleep 300 & echo x > x; echo'),
      { diff: { files: 1, additions: 1, deletions: 0 } },
    ],
    [
      'an agent that deletes .git',
      prompt('rm -rf .git; echo x > x'),
      { diff: { files: 1, additions: 1, deletions: 0 } },
    ],
    [
      'an agent that makes .git a link',
      prompt('rm -rf .git; ln -s /etc .git; echo x > x'),
      { diff: { files: 1, additions: 1, deletions: 0 } },
    ],
    [
      'an agent that commits by itself',
      prompt('echo x > x; git add -A; git -c user.name=a -c user.email=a@b commit -qm own'),
      { diff: { files: 1, additions: 1, deletions: 0 } },
    ],
    [
      'binary output',
      prompt('head -c 100000 /dev/urandom; echo x > x'),
      { diff: { files: 1, additions: 1, deletions: 0 } },
    ],
    [
      'an Ask task: changes are thrown away',
      { task: { mode: 'ask', prompt: 'echo x > x; echo the answer' } },
      { answer: 'the answer', diff: null },
    ],
  ])('%s', async (_, input, expected) => {
    expect(await attemptOf(input)).toMatchObject({ state: 'succeeded', ...expected })
  })

  test('100 MB of output from setup are cut visibly and hold nothing up', async () => {
    const id = await start({ environment: { setupScript: 'head -c 100m /dev/zero | tr "\\0" x | fold -w 1000' } })
    const task = await server.finished(id)
    expect(task.state).toBe('succeeded')
    const kept =
      await database.client`select coalesce(sum(length(payload::text)), 0)::int as bytes from events where task_id = ${id}`
    expect(kept[0]?.['bytes']).toBeLessThan(20 * 1024 * 1024)
    expect(
      await database.client`select from events where task_id = ${id} and kind = 'notice' and payload->>'message' like 'The log reached%'`,
    ).toHaveLength(1)
  })
})

describe('repositories', () => {
  test('one that does not exist, and one that is empty', async () => {
    const empty = await mkdtemp(join(server.folder, 'empty-'))
    await run('git', ['init', '-q', '--bare', empty])
    const attempt = await attemptOf({ environment: { repository: empty } })
    expect(attempt).toMatchObject({ state: 'failed', reason: 'repository-empty' })
    const missing = await server.call('POST', '/environments', {
      name: 'missing',
      repository: join(server.folder, 'none.git'),
    })
    expect(missing.status).toBeGreaterThanOrEqual(400)
    expect(missing.status).toBeLessThan(500)
  })

  test('a branch that is taken on the remote fails the publishing, not the attempt', async () => {
    const attempt = await attemptOf({ environment: { publish: 'manual' } })
    const other = (await gitIn(origin, 'rev-parse', 'main')).trim()
    await gitIn(origin, 'update-ref', `refs/heads/${attempt.branch}`, other)
    await server.call('POST', `/attempts/${attempt.id}/pull-request`, {})
    const { turns } = await server.finished((await taskOf(attempt)) ?? '')
    expect(turns[0]?.attempts[0]).toMatchObject({
      state: 'succeeded',
      publish: { state: 'failed', reason: expect.stringContaining('other commits') },
    })
    expect((await gitIn(origin, 'rev-parse', attempt.branch ?? '')).trim()).toBe(other)
  })

  test('a remote that moved meanwhile gets the branch from the commit that the agent saw', async () => {
    const id = await start({ environment: { publish: 'branch' }, task: { prompt: 'sleep 2; echo y > y.txt' } })
    const tree = (await gitIn(origin, 'rev-parse', 'main^{tree}')).trim()
    const before = (await gitIn(origin, 'rev-parse', 'main')).trim()
    await database.client`select 1`
    const moved = (
      await gitIn(origin, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit-tree', '-p', 'main', '-m', 'moved', tree)
    ).trim()
    await untilAgentRuns(server, id)
    await gitIn(origin, 'update-ref', 'refs/heads/main', moved)
    const attempt = (await server.finished(id)).turns[0]?.attempts[0]
    expect(attempt).toMatchObject({ publish: { state: 'published' } })
    expect((await gitIn(origin, 'rev-parse', `${attempt?.branch}^`)).trim()).toBe(before)
  })
})

test('cancel: the state within 2 s, the container gone within 10 s, in the agent phase', async () => {
  const id = await start(prompt('sleep 600'))
  await untilAgentRuns(server, id)
  const asked = performance.now()
  expect((await server.call('POST', `/tasks/${id}/cancel`)).status).toBeLessThan(300)
  const task = await server.finished(id)
  expect(task.state).toBe('cancelled')
  expect(performance.now() - asked).toBeLessThan(2000)
  await untilGone(task.turns[0]?.attempts[0]?.id ?? '', asked + 10_000)
})

test('a second server on the same data folder is refused with one sentence', async () => {
  const second = testServer({ folder: server.folder, databaseUrl: database.url })
  await expect(second).rejects.toMatchObject({
    code: 'data-folder-in-use',
    message: expect.stringMatching(/^Cannot use data folder [^\n]+$/),
  })
})

test('an image without git is told from one that is missing', async () => {
  const image = await imageWithout('git')
  const attempt = await attemptOf({ environment: { image } })
  await run('docker', ['rmi', image])
  expect(attempt).toMatchObject({ state: 'failed', reason: 'image-without-git' })
})

async function taskOf(attempt: AttemptJson): Promise<string | undefined> {
  const rows = await database.client`select task_id from attempts where id = ${attempt.id}`
  return rows[0]?.['task_id'] as string | undefined
}

async function untilGone(attemptId: string, deadline: number): Promise<void> {
  for (;;) {
    const { stdout } = await run('docker', ['ps', '-aq', '--filter', `label=drydock.attempt=${attemptId}`])
    if (stdout.trim() === '') return
    if (performance.now() > deadline) throw new Error('the container is still there')
  }
}

async function imageWithout(program: string): Promise<string> {
  const folder = await mkdtemp(join(server.folder, 'image-'))
  await writeFile(join(folder, 'Dockerfile'), `FROM ${inject('baseImage')}\nRUN rm -f $(command -v ${program})\n`)
  const tag = `drydock-test/without-${program}:${Date.now()}`
  await run('docker', ['build', '-q', '-t', tag, folder], { env: { ...process.env, DOCKER_BUILDKIT: '0' } })
  return tag
}
