import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TaskJson } from '../../api/schemas/task.ts'
import { codex, installCodex } from '../support/codex-cli.ts'
import type { CodexOptions, CodexRun, CodexVersion } from '../support/codex-cli.ts'
import { bareRepository, testServer, untilAgentRuns } from '../support/server.ts'
import type { TestServer } from '../support/server.ts'

/** Writes something else in each attempt. */
const SCRIPT = 'echo two >>a.txt; cat /proc/sys/kernel/random/uuid >new.txt'

let server: TestServer
let origin: string

beforeAll(async () => {
  server = await testServer()
  origin = await bareRepository(server.folder, { 'a.txt': 'one\n' })
  const environment = { name: 'shop', repository: origin, image: 'base' }
  expect(await server.call('POST', '/environments', environment)).toMatchObject({ status: 201 })
  await installCodex('0.150.0')
  await installCodex('0.169.0')
})
afterAll(() => server[Symbol.asyncDispose]())

const asAt = (token: string) => token.replace(/^dd_/, 'at-')

function run(version: CodexVersion, args: readonly string[], options: Partial<CodexOptions> = {}): Promise<CodexRun> {
  const { folder, url, token } = server
  const home = join(folder, 'codex-home')
  return codex(version, args, { cwd: folder, home, server: url, token: asAt(token), ...options })
}
const cloud = (args: readonly string[], options?: Partial<CodexOptions>) => run('0.150.0', ['cloud', ...args], options)

/** A fresh clone, as a person has one. */
function clone(name: string): string {
  const folder = join(server.folder, name)
  execFileSync('git', ['clone', '-q', origin, folder])
  return folder
}

const idIn = ({ stdout, stderr }: CodexRun) =>
  /\/codex\/tasks\/([0-9a-z]{16})/.exec(stdout)?.[1] ?? expect.unreachable(stderr)

async function submit(prompt: string, more: string[] = [], options?: Partial<CodexOptions>): Promise<string> {
  const ran = await cloud(['exec', '--env', 'shop', '--branch', 'main', ...more, prompt], options)
  expect(ran.code, ran.stderr).toBe(0)
  return idIn(ran)
}

async function patchOf(attempt: string | undefined): Promise<string> {
  return (await server.call<string>('GET', `/attempts/${attempt}/diff`)).body
}

async function tokenWith(...scopes: string[]): Promise<{ id: string; token: string }> {
  const { body } = await server.call<{ id: string; token: string }>('POST', '/tokens', { name: 'a', scopes })
  return { id: body.id, token: asAt(body.token) }
}

test('codex cloud takes a task from exec to a changed work tree, and codex apply of a later version applies it', async () => {
  const work = clone('work')
  const ran = await cloud(['exec', '--env', 'shop', '--attempts', '2', SCRIPT], { cwd: work })
  expect(ran.code, ran.stderr).toBe(0)
  const id = idIn(ran)
  expect(ran.stdout).toContain(`${server.url}/codex/tasks/${id}`)
  expect(await (await fetch(`${server.url}/codex/tasks/${id}`)).text()).toContain(`drydock status ${id}`)

  await server.finished(id)
  const { body: task } = await server.call<TaskJson>('GET', `/tasks/${id}`)
  expect(task).toMatchObject({ product: 'cli', mode: 'code', state: 'succeeded', branch: 'main', title: SCRIPT })
  const [first, second] = await Promise.all((task.turns[0]?.attempts ?? []).map((attempt) => patchOf(attempt.id)))
  expect(first).not.toBe(second)

  const listed = await cloud(['list'])
  expect(listed.stdout).toContain(`[READY] ${SCRIPT}`)
  expect(listed.stdout).toMatch(/shop .* ago/)
  expect(listed.stdout).toMatch(/\+2\/-0 • 2 files/)
  const json = JSON.parse((await cloud(['list', '--json', '--env', 'shop'])).stdout) as { tasks: object[] }
  expect(json.tasks).toContainEqual(
    expect.objectContaining({
      id,
      status: 'ready',
      environment_label: 'shop',
      attempt_total: 2,
      is_review: false,
      summary: { files_changed: 2, lines_added: 2, lines_removed: 0 },
    }),
  )
  const status = await cloud(['status', id])
  expect([status.code, status.stdout]).toEqual([0, expect.stringContaining('[READY]')])

  expect((await cloud(['diff', id])).stdout.trimEnd()).toBe(first?.trimEnd())
  expect((await cloud(['diff', id, '--attempt', '2'])).stdout.trimEnd()).toBe(second?.trimEnd())

  const third = clone('third')
  for (const [folder, patch, apply] of [
    [work, first, () => cloud(['apply', id], { cwd: work })],
    [clone('second'), second, (cwd: string) => cloud(['apply', id, '--attempt', '2'], { cwd })],
    [third, first, () => run('0.169.0', ['apply', id, '-c', `chatgpt_base_url="${server.url}"`], { cwd: third })],
  ] as const) {
    const applied = await apply(folder)
    expect(applied.code, applied.stderr).toBe(0)
    expect(readFileSync(join(folder, 'a.txt'), 'utf8')).toBe('one\ntwo\n')
    expect(patch).toContain(`+${readFileSync(join(folder, 'new.txt'), 'utf8').trim()}`)
  }
})

test('codex cloud shows tasks that run, fail and are cancelled, and sends a diff to start from', async () => {
  const running = await submit('sleep 1000')
  await untilAgentRuns(server, running)
  expect(await cloud(['status', running])).toMatchObject({ code: 1, stdout: expect.stringContaining('[PENDING]') })
  const early = await cloud(['diff', running])
  expect([early.code, early.stderr]).toEqual([1, expect.stringContaining(`No diff available for task ${running}`)])
  await server.call('POST', `/tasks/${running}/cancel`)
  expect(await cloud(['status', running])).toMatchObject({ code: 1, stdout: expect.stringContaining('[ERROR]') })

  const failing = await submit('exit 3')
  await server.finished(failing)
  expect(await cloud(['status', failing])).toMatchObject({ code: 1, stdout: expect.stringContaining('[ERROR]') })

  const diff = 'diff --git a/a.txt b/a.txt\n--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+uno\n'
  // The other style of paths, as for a server behind the vendor's.
  const other = { env: { CODEX_STARTING_DIFF: diff, CODEX_CLOUD_TASKS_BASE_URL: `${server.url}/backend-api` } }
  const started = await submit('cat a.txt >b.txt', [], other)
  await server.finished(started)
  expect((await cloud(['diff', started], other)).stdout).toMatch(/\+uno\n[^]*b\/b\.txt[^]*\+uno/)
})

test('codex says in a sentence what a server refuses', async () => {
  const { id, token } = await tokenWith('read', 'write')
  expect((await cloud(['list'], { token })).code).toBe(0)
  await server.call('DELETE', `/tokens/${id}`)
  const revoked = await cloud(['list'], { token })
  expect([revoked.code, revoked.stderr]).toEqual([1, expect.stringContaining('Not signed in')])

  const missing = await cloud(['exec', '--env', 'nope', 'x'])
  expect([missing.code, missing.stderr]).toEqual([1, expect.stringContaining("environment 'nope' not found")])

  const reader = await tokenWith('read')
  const refused = await cloud(['exec', '--env', 'shop', 'x'], { token: reader.token })
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain('403 - Unauthorized. Contact your administrator for access.')

  const unknown = await cloud(['status', '0000000000000000'])
  expect(unknown.code).toBe(1)
  expect(unknown.stderr).toContain(
    '404 Not Found; content-type=application/json; body={"detail":"Cannot find task \'0000000000000000\':',
  )
  const later = await run('0.169.0', [
    'apply',
    '0000000000000000',
    '-c',
    `chatgpt_base_url="${server.url}/backend-api"`,
  ])
  expect([later.code, later.stderr]).toEqual([1, expect.stringContaining("Cannot find task '0000000000000000'")])
})
