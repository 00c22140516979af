import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codex, installCodex } from '../support/codex-cli.ts'
import { hostAddress } from '../support/host-address.ts'
import { startMockModel } from '../support/mock-model/server.ts'
import type { MockModel } from '../support/mock-model/server.ts'
import { testServer } from '../support/server.ts'
import type { TestServer } from '../support/server.ts'

const VERSION = '0.169.0'
const KEY = 'sk-canary-local-0123456789abcdef'
const START_LIMIT_MS = 180_000

let server: TestServer
let model: MockModel
let member: { id: string; token: string }

beforeAll(async () => {
  await installCodex(VERSION)
  model = await startMockModel({ host: hostAddress(), key: KEY })
  server = await testServer()
  const baseUrl = `http://${hostAddress()}:${model.port}/v1`
  const provider = { name: 'mock', wire: 'responses', baseUrl, key: KEY, internal: true, isDefault: true }
  expect(await server.call('POST', '/providers', provider)).toMatchObject({ status: 201 })
  // People make their own tokens; for an account that is a service, somebody else does.
  const account = { kind: 'service', name: 'Local', role: 'member' }
  const { id } = (await server.call<{ id: string }>('POST', '/users', account)).body
  const made = await server.call<{ token: string }>('POST', `/users/${id}/tokens`, { name: 'cli', scopes: ['write'] })
  expect(made.status).toBe(201)
  member = { id, token: made.body.token }
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await model[Symbol.asyncDispose]()
})

async function models(): Promise<number> {
  const response = await fetch(`${server.url}/model/v1/models`, {
    headers: { authorization: `Bearer ${member.token}` },
  })
  await response.text()
  return response.status
}

/** As docs/local-use.md tells people to. */
function runCodex() {
  const config = [
    'model = "gpt-5.5"',
    'model_provider = "drydock"',
    'web_search = "disabled"',
    '[model_providers.drydock]',
    'name = "Drydock"',
    `base_url = "${server.url}/model/v1"`,
    'env_key = "DRYDOCK_TOKEN"',
    'wire_api = "responses"',
    'request_max_retries = 0',
    'stream_max_retries = 0',
  ].join('\n')
  return codex(VERSION, ['exec', '--skip-git-repo-check', '--json', '[[hello]]'], {
    cwd: server.folder,
    home: join(server.folder, 'codex-home'),
    server: server.url,
    token: 'none',
    env: { DRYDOCK_TOKEN: member.token },
    config,
  })
}

test('the real Codex CLI runs through /model/v1, with a key that it never has; without the right it says why not', async () => {
  // The gateway is brought up for the provider, though no sandbox runs.
  await expect.poll(() => models(), { timeout: START_LIMIT_MS }).toBe(200)
  const ran = await runCodex()
  expect(ran.code, ran.stdout + ran.stderr).toBe(0)
  expect(ran.stdout).toContain('"turn.completed"')
  expect(model.requests.length).toBeGreaterThan(0)
  expect(ran.stdout + ran.stderr).not.toContain(KEY)

  const before = model.requests.length
  expect(await server.call('PATCH', `/users/${member.id}`, { role: 'viewer' })).toMatchObject({ status: 200 })
  const refused = await runCodex()
  expect(refused.code).toBe(1)
  expect(refused.stdout + refused.stderr).toContain('403 - Unauthorized. Contact your administrator for access.')
  expect(model.requests).toHaveLength(before)
})
