import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { limitedGit } from '../../forge/git.ts'
import { git, makeOrigin, temporaryFolder } from '../support/git-fixture.ts'
import type { Folder, Origin } from '../support/git-fixture.ts'

// Many git processes each, beside other tests on a busy machine.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 30_000 })

const run = limitedGit(process.env.PATH ?? '')
let folder: Folder
let origin: Origin

beforeEach(() => {
  folder = temporaryFolder()
  origin = makeOrigin(folder.path)
})
afterEach(() => folder[Symbol.dispose]())

test('limitedGit() gives bytes in and out, and exit codes as results', async () => {
  const bytes = Buffer.from([0, 255, 254, 10, 13, 0])
  const written = await run(['hash-object', '-w', '--stdin'], { gitDir: origin.bare, stdin: bytes })
  const id = written.stdout.toString().trim()
  expect((await run(['cat-file', 'blob', id], { gitDir: origin.bare })).stdout).toEqual(bytes)
  expect(await run(['cat-file', '-e', '0'.repeat(40)], { gitDir: origin.bare })).toMatchObject({
    code: 1,
    overflow: false,
  })
})

test('limitedGit() stops at the output cap', async () => {
  const stdin = Buffer.alloc(1024 * 1024)
  const { stdout: id } = await run(['hash-object', '-w', '--stdin'], { gitDir: origin.bare, stdin })
  const read = await run(['cat-file', 'blob', id.toString().trim()], { gitDir: origin.bare, maxOutputBytes: 1000 })
  expect(read.overflow).toBe(true)
  expect(read.stdout).toHaveLength(1000)
})

test('limitedGit() holds git to memory, file size and time', async () => {
  const stdin = Buffer.alloc(64 * 1024 * 1024)
  const hash = (limits: object) =>
    run(['hash-object', '-w', '--stdin', '--no-filters'], { gitDir: origin.bare, stdin, limits })
  expect((await hash({ addressSpaceBytes: 60 * 1024 * 1024 })).code).not.toBe(0)
  expect((await hash({ fileBytes: 1024 })).code).not.toBe(0)
  expect((await hash({})).code).toBe(0)
})

test('limitedGit() ends the whole process group on abort', async () => {
  const stop = new AbortController()
  const pidFile = join(folder.path, 'pid')
  git(origin.bare, 'config', 'alias.wait', `!echo $$ >${pidFile}.tmp; mv ${pidFile}.tmp ${pidFile}; sleep 1000`)
  const running = run(['wait'], { gitDir: origin.bare, signal: stop.signal })
  await expect.poll(() => existsSync(pidFile)).toBe(true)
  stop.abort(new Error('enough'))
  await expect(running).rejects.toThrow('enough')
  const pid = readFileSync(pidFile, 'utf8').trim()
  expect(existsSync(`/proc/${pid}`)).toBe(false)
})

test('limitedGit() reads no configuration of the machine and passes no environment on', async () => {
  const { stdout } = await run(['config', '--list', '--show-scope'], { gitDir: origin.bare })
  expect(stdout.toString()).not.toMatch(/^(system|global)\t/m)
  git(origin.bare, 'config', 'alias.env', '!env')
  const { stdout: env } = await run(['env'], { gitDir: origin.bare })
  expect(env.toString()).not.toMatch(/^(VITEST|USER|SSH_AUTH_SOCK|HOME=\/root)/m)
})
