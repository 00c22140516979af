import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { testServer } from '../support/server.ts'

const run = promisify(execFile)

test('a server that finds the state of a gateway starts it without being asked, and leaves nothing when it is closed at once', async () => {
  await using database = await testDatabase()
  const folder = await mkdtemp(join(tmpdir(), 'dd-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'data/gateway/state'), { recursive: true })
  const server = await testServer({ folder, databaseUrl: database.url })
  const installation = (await readFile(join(folder, 'data/installation'), 'utf8')).trim()
  const isRunning = () =>
    run('docker', ['inspect', '-f', '{{.State.Running}}', `drydock-gateway-${installation}`]).then(
      ({ stdout }) => stdout.trim() === 'true',
      () => false,
    )
  await expect.poll(isRunning, { timeout: 120_000 }).toBe(true)
  await server.close()
  const leftovers = async () => {
    const filter = ['--filter', `label=drydock.installation=${installation}`]
    const containers = await run('docker', ['ps', '-aq', ...filter])
    const networks = await run('docker', ['network', 'ls', '-q', ...filter])
    return containers.stdout + networks.stdout
  }
  expect(await leftovers()).toBe('')
  const again = await testServer({ folder, databaseUrl: database.url })
  await again.close()
  expect(await leftovers()).toBe('')
})
