import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { startApi } from '../../../api/main.ts'
import { ensureAdminToken } from '../../../domain/access/tokens.ts'
import { readSse } from '../../support/api.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

const logger = { debug: () => undefined, info: () => undefined, error: () => undefined }
const options = (database: TestDatabase, port = 0) => ({
  database,
  host: '127.0.0.1',
  port,
  checkAddress: async () => {},
  logger,
  version: 'test',
})

test('startApi() serves on a free port until it is closed', async () => {
  await using database = await testDatabase()
  const api = await startApi(options(database), new AbortController().signal)
  expect((await fetch(`${api.url}/healthz`)).status).toBe(200)
  await Promise.all([api.close(), api.close()])
  await expect(fetch(`${api.url}/healthz`)).rejects.toThrow()
})

test('startApi() says in one sentence that a port is taken', async () => {
  await using database = await testDatabase()
  const holder = createServer()
  await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
  const { port } = holder.address() as AddressInfo
  const starting = startApi(options(database, port), new AbortController().signal)
  await expect(starting).rejects.toMatchObject({
    code: 'port-in-use',
    message: `Cannot listen on 127.0.0.1:${port}: the port is taken. Choose another with --port`,
  })
  await new Promise((resolve) => holder.close(resolve))
})

test('startApi() ends open streams when its signal aborts, and then the server', async () => {
  await using database = await testDatabase()
  const stop = new AbortController()
  const api = await startApi(options(database), stop.signal)
  const authorization = `Bearer ${await ensureAdminToken(database.db)}`
  const environmentId = await seedEnvironment(database.db)
  const { taskId } = await seedTask(database.db, { userId: 'admin', environmentId })
  const response = await fetch(`${api.url}/api/v1/tasks/${taskId}/events`, { headers: { authorization } })
  if (response.body === null) throw new Error('no body')
  const events = readSse(response.body)
  await events.next()
  stop.abort()
  expect(await events.next()).toEqual({ done: true, value: undefined })
  await api.close()
  await expect(fetch(`${api.url}/healthz`)).rejects.toThrow()
})

test('startApi() answers requests that are not HTTP as it should, and lives', async () => {
  await using database = await testDatabase()
  const api = await startApi(options(database), new AbortController().signal)
  const statuses = await Promise.all(
    ['/%', '/api/v1/tasks/%E0%A4%A', `/${'a'.repeat(8000)}`, '/api/v1/../../etc/passwd', '//evil.test/x'].map(
      async (path) => (await fetch(api.url + path)).status,
    ),
  )
  for (const status of statuses) expect(status).toBeLessThan(500)
  const large = await fetch(`${api.url}/api/v1/tasks`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await ensureAdminToken(database.db)}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ prompt: 'x'.repeat(6 * 1024 * 1024) }),
  })
  expect(large.status).toBe(413)
  expect((await fetch(`${api.url}/readyz`)).status).toBe(200)
  await api.close()
})
