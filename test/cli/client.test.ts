import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createClient } from '../../cli/client.ts'
import { readClientConfig } from '../../cli/config.ts'
import { fakeWorld, json, problem } from './fakes.ts'

function tokenFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-token-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'admin-token'), 'dd_local\n')
  return folder
}

test.each(['http://127.0.0.1:1', 'http://localhost:1', 'http://[::1]:1'])(
  "createClient() shows %s this machine's token",
  async (url) => {
    const config = readClientConfig({ DRYDOCK_URL: url, DRYDOCK_DATA: tokenFolder() })
    const world = fakeWorld({ 'GET /environments': json({ data: [] }) }, { config: () => config })
    await (await createClient(world.context)).listEnvironments()
    expect(world.calls[0]?.headers.get('authorization')).toBe('Bearer dd_local')
  },
)

test('createClient() never shows it to another machine', async () => {
  const config = readClientConfig({ DRYDOCK_URL: 'http://drydock.example', DRYDOCK_DATA: tokenFolder() })
  const world = fakeWorld({}, { config: () => config })
  await expect(createClient(world.context)).rejects.toMatchObject({
    exitCode: 2,
    message: 'Cannot ask http://drydock.example: DRYDOCK_TOKEN is not set, and no "drydock login" was made there',
  })
})

test.each([
  [401, 'unauthorized', 2],
  [404, 'environment-not-found', 2],
  [422, 'invalid-request', 2],
  [403, 'forbidden', 1],
  [409, 'no-changes', 1],
  [503, 'database-unavailable', 1],
])('createClient() takes a refusal %i as %s with exit code %i', async (status, code, exitCode) => {
  const world = fakeWorld({ 'GET /environments': problem(status, code, 'Cannot.\u001b') })
  const client = await createClient(world.context)
  await expect(client.listEnvironments()).rejects.toMatchObject({ code, exitCode, message: 'Cannot.\\x1b' })
})

test('createClient() tells a foreign server', async () => {
  const world = fakeWorld({ 'GET /environments': new Response('<html>', { status: 404 }) })
  const client = await createClient(world.context)
  await expect(client.listEnvironments()).rejects.toMatchObject({ code: 'internal', exitCode: 1 })
})

test('createClient() says in one sentence that nothing listens, and how to start it', async () => {
  const server = createServer()
  const port = await new Promise<number>((resolve) =>
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)),
  )
  await new Promise((resolve) => server.close(resolve))
  const config = readClientConfig({ DRYDOCK_URL: `http://127.0.0.1:${port}`, DRYDOCK_TOKEN: 'x' })
  const client = await createClient({ config: () => config, fetch, signal: new AbortController().signal })
  await expect(client.listEnvironments()).rejects.toMatchObject({
    code: 'server-unreachable',
    message: `Cannot reach the server at http://127.0.0.1:${port}: nothing listens there. Start it with "bin/drydock serve", or set DRYDOCK_URL`,
  })
})

test.each(['nonsense', 'ftp://x', 'http://user:secret@x'])(
  'readClientConfig() refuses DRYDOCK_URL %s with exit code 2',
  (url) => {
    expect(() => readClientConfig({ DRYDOCK_URL: url })).toThrow(/^Cannot use DRYDOCK_URL/)
  },
)

test('readClientConfig() does not repeat a credential', () => {
  expect(() => readClientConfig({ DRYDOCK_URL: 'http://user:secret@x' })).not.toThrow(/secret/)
})
