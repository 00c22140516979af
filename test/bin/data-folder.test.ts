import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDataFolder } from '../../bin/data-folder.ts'

const IN_USE = { code: 'data-folder-in-use' }

async function emptyFolder() {
  const path = await mkdtemp(join(tmpdir(), 'dd-folder-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

test('openDataFolder() gives a role to one server at a time', async () => {
  await using folder = await emptyFolder()
  const runner = await openDataFolder(folder.path, 'runner')
  await expect(openDataFolder(folder.path, 'runner')).rejects.toMatchObject(IN_USE)
  await expect(openDataFolder(folder.path, 'all')).rejects.toMatchObject(IN_USE)
  const api = await openDataFolder(folder.path, 'api')
  await api[Symbol.asyncDispose]()
  await runner[Symbol.asyncDispose]()
  await using all = await openDataFolder(folder.path, 'all')
  expect(all.installation).toBe(runner.installation)
})

test('openDataFolder() is not misled by what the file says, only by who holds it', async () => {
  await using folder = await emptyFolder()
  const file = join(folder.path, 'runner.lock')
  // The number of a living process: in another container it means somebody else.
  await writeFile(file, `process ${process.pid} on elsewhere\n`)
  await (await openDataFolder(folder.path, 'runner'))[Symbol.asyncDispose]()

  await writeFile(file, 'process 999999 on elsewhere\n')
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(holder.stdout, 'data')
  await expect(openDataFolder(folder.path, 'runner')).rejects.toMatchObject({
    ...IN_USE,
    message: expect.stringContaining('(process 999999 on elsewhere)') as string,
  })
  holder.kill('SIGKILL')
})

test('openDataFolder() makes one installation for two that start at once', async () => {
  await using folder = await emptyFolder()
  const opened = await Promise.all(['api', 'runner'].map((role) => openDataFolder(folder.path, role)))
  expect(new Set(opened.map(({ installation }) => installation)).size).toBe(1)
  await Promise.all(opened.map((each) => each[Symbol.asyncDispose]()))
})

test('share() tells one server alone, the last, that nobody else uses what it shares', async () => {
  await using folder = await emptyFolder()
  await using api = await openDataFolder(folder.path, 'api')
  await using runner = await openDataFolder(folder.path, 'runner')
  await using one = await api.share('thing')
  const other = await runner.share('thing')
  expect(await one.isLast()).toBe(false)
  // One that has asked is done with it, though it still lives.
  expect(await other.isLast()).toBe(true)
  const again = runner.share('thing')
  await other[Symbol.asyncDispose]()
  await using last = await again
  expect(await last.isLast()).toBe(true)
})

test('share() counts no server that was killed', async () => {
  await using folder = await emptyFolder()
  const holder = spawn('flock', ['--shared', join(folder.path, 'thing.lock'), 'sh', '-c', 'echo held; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true,
  })
  await once(holder.stdout, 'data')
  await using api = await openDataFolder(folder.path, 'api')
  await using shared = await api.share('thing')
  process.kill(-(holder.pid ?? 0), 'SIGKILL')
  await once(holder, 'exit')
  expect(await shared.isLast()).toBe(true)
})
