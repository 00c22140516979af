import { createRoute } from '@hono/zod-openapi'
import { expect, test } from 'vitest'
import { createApp } from '../../api/app.ts'
import { newRouter } from '../../api/context.ts'
import type { ApiDeps } from '../../api/context.ts'
import { defineRoute } from '../../api/route.ts'
import { appWith, bearer, deps } from '../support/bare-api.ts'

const responses = { 200: { description: 'ok' } }
const open = createRoute({ method: 'get', path: '/open', responses })

test('newRouter() takes no route that does not say what it needs', () => {
  expect(() => newRouter(deps()).openapi(open, (c) => c.body(null))).toThrow('get /open does not say what it needs')
})

test.each<[string, (deps: ApiDeps) => ReturnType<typeof newRouter>]>([
  ['a plain route', (all) => newRouter(all).get('/plain', (c) => c.text('secret')) as never],
  ['a route for all methods', (all) => newRouter(all).all('/plain', (c) => c.text('secret')) as never],
])('createApp() throws for %s that does not say what it needs', (_, routes) => {
  expect(() => createApp(deps(), [routes])).toThrow(/\/api\/v1\/plain does not say what it needs/)
})

test('a route that needs nobody asks for no token, and one that needs anyone for any', async () => {
  const [nobody, anyone] = (['nobody', 'anyone'] as const).map((needs) =>
    defineRoute({ method: 'get', path: `/${needs}`, needs, responses }),
  )
  if (nobody === undefined || anyone === undefined) return expect.unreachable()
  const routes = (all: ApiDeps) =>
    newRouter(all)
      .openapi(nobody, (c) => c.body(null))
      .openapi(anyone, (c) => c.body(null))
  const app = createApp(deps(), [routes])
  const status = async (path: string, headers = {}) => (await app.request(`/api/v1${path}`, { headers })).status
  expect([await status('/nobody'), await status('/anyone'), await status('/anyone', bearer)]).toEqual([200, 401, 200])
})

test('who lacks a right gets one sentence, before anything of the request is looked at', async () => {
  const viewer = { ...deps().principal, permissions: new Set<never>() }
  const { app } = appWith({ authenticate: async () => ({ principal: viewer }) })
  const response = await app.request('/api/v1/tasks', {
    method: 'POST',
    body: '{"broken',
    headers: { ...bearer, 'content-type': 'application/json' },
  })
  expect([response.status, await response.json()]).toEqual([
    403,
    {
      type: 'urn:drydock:problem:forbidden',
      title: 'Forbidden',
      status: 403,
      code: 'forbidden',
      detail: '403 - Unauthorized. Contact your administrator for access.',
    },
  ])
})
