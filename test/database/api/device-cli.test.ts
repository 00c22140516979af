import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { login } from '../../../cli/commands/login.ts'
import { logout } from '../../../cli/commands/logout.ts'
import { whoami } from '../../../cli/commands/whoami.ts'
import { profilesFile, readClientConfig } from '../../../cli/config.ts'
import { readProfiles } from '../../../cli/profiles.ts'
import { fakeWorld } from '../../cli/fakes.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { Browser } from '../../support/browser.ts'
import { temporaryFolder } from '../../support/git-fixture.ts'

let api: TestApi
beforeAll(async () => void (api = await testApi()))
afterAll(() => api[Symbol.asyncDispose]())

test('drydock login brings a token that whoami uses and that logout ends', async () => {
  using folder = temporaryFolder()
  const person = await api.person('member')
  const browser = new Browser(api.app)
  await browser.send('POST', '/auth/session', { body: { token: person.token } })
  const env = { XDG_CONFIG_HOME: join(folder.path, 'config') }

  /** The server; and whoever reads the code confirms it. */
  const fetch = (async (url: URL, init: RequestInit) => {
    const answer = await api.app.request(url.href, init)
    if (url.pathname !== '/auth/device') return answer
    const { user_code } = (await answer.clone().json()) as { user_code: string }
    expect(await (await browser.send('POST', '/device', { form: { user_code } })).text()).toContain('drydock on ')
    expect((await browser.send('POST', '/device/confirm', { form: { user_code } })).status).toBe(200)
    return answer
  }) as typeof globalThis.fetch
  const world = () => fakeWorld({}, { env, fetch, config: () => readClientConfig(env) })

  expect(await login.run(['http://localhost'], world().context)).toBe(0)
  const { token = '' } = readProfiles(profilesFile(env)).all['default'] ?? {}
  const mine = world()
  expect(await whoami.run(['--json'], mine.context)).toBe(0)
  expect(JSON.parse(mine.out())).toMatchObject({ id: person.userId, scopes: ['read', 'write'] })

  const left = world()
  expect(await logout.run(['--json'], left.context)).toBe(0)
  expect(JSON.parse(left.out())).toEqual({ profile: 'default', revoked: true })
  const headers = { authorization: `Bearer ${token}` }
  expect((await api.app.request('/api/v1/me', { headers })).status).toBe(401)
  expect(api.errors).toEqual([])
})
