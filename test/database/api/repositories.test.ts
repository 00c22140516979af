import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EnvironmentJson } from '../../../api/schemas/environment.ts'
import { testApi } from '../../support/api.ts'
import type { Call, TestApi } from '../../support/api.ts'

let api: TestApi
let call: Call
beforeAll(async () => {
  api = await testApi()
  call = (await api.person()).call
})
afterAll(() => api[Symbol.asyncDispose]())

let made = 0
const environment = (changes: Record<string, unknown> = {}) =>
  call<EnvironmentJson & { code?: string; detail?: string }>('POST', '/environments', {
    name: `several-${++made}`,
    repository: '/srv/shop.git',
    ...changes,
  })

test('POST /environments names the repositories besides the first, and says nothing of them where there are none', async () => {
  const { status, json } = await environment({
    repositories: [{ repository: 'acme/web' }, { repository: '/srv/x', name: 'docs' }],
  })
  expect(status).toBe(201)
  expect(json).toMatchObject({
    repository: { address: '/srv/shop.git' },
    repositories: [
      { name: 'web', forge: 'github', address: 'acme/web' },
      { name: 'docs', forge: 'git', address: '/srv/x' },
    ],
  })
  expect((await call<EnvironmentJson>('GET', `/environments/${json.id}`)).json).toEqual(json)
  for (const none of [{}, { repositories: [] }]) {
    expect(Object.keys((await environment(none)).json)).not.toContain('repositories')
  }
})

test.each([
  ['a hostile name', [{ repository: '/srv/a', name: '../shop' }], 422],
  ['a name that is one of git', [{ repository: '/srv/a', name: '.git' }], 422],
  ['a folder twice', [{ repository: '/srv/a/shop' }], 'repository-refused'],
  ['an address that names no folder', [{ repository: '/srv/a/.odd' }], 'repository-refused'],
  ['an address with a password', [{ repository: 'https://a:b@git.test/x' }], 'repository-refused'],
  ['a setting that is none', [{ repository: '/srv/a', branch: 'x' }], 422],
  ['more than eight', Array.from({ length: 8 }, (_, i) => ({ repository: `/srv/r${i}` })), 422],
])('POST /environments refuses %s', async (_, repositories, expected) => {
  const { status, json } = await environment({ repositories })
  expect([status, json.code]).toContain(expected)
})

test('PATCH /environments/:id replaces the others, and keeps them when it does not name them', async () => {
  const { json } = await environment({ repositories: [{ repository: 'acme/web' }] })
  const patch = (body: Record<string, unknown>) =>
    call<EnvironmentJson & { code?: string }>('PATCH', `/environments/${json.id}`, body)
  expect((await patch({ description: 'x' })).json.repositories).toMatchObject([{ name: 'web' }])
  expect((await patch({ repository: 'other/web' })).json.code).toBe('repository-refused')
  expect((await patch({ repositories: [{ repository: 'acme/docs' }] })).json.repositories).toMatchObject([
    { name: 'docs' },
  ])
  expect((await patch({ repository: 'other/web' })).json).toMatchObject({
    repository: { address: 'other/web' },
    repositories: [{ name: 'docs' }],
  })
  expect((await patch({ repositories: [] })).json.repositories).toBeUndefined()
})
