import { createRoute } from '@hono/zod-openapi'
import { listRepositories } from '../../domain/repositories/repositories.ts'
import { Settings, readSettings, updateSettings } from '../../domain/settings/settings.ts'
import { authorize, newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { body, json, problems } from '../schemas/common.ts'
import { RepositoryListSchema } from '../schemas/environment.ts'
import { SettingsChangeSchema } from '../schemas/settings.ts'

const read = createRoute({
  method: 'get',
  path: '/settings',
  responses: { 200: json('The settings of this installation', Settings), ...problems },
})
const update = createRoute({
  method: 'patch',
  path: '/settings',
  request: { body: body(SettingsChangeSchema) },
  responses: { 200: json('The settings with the changes', Settings), ...problems },
})
const repositories = createRoute({
  method: 'get',
  path: '/repositories',
  responses: { 200: json('The repositories of all environments', RepositoryListSchema), ...problems },
})

export function settingsRoutes({ db }: ApiDeps) {
  return newRouter()
    .openapi(read, async (c) => {
      authorize(c, 'settings.read')
      return c.json(await readSettings(db), 200)
    })
    .openapi(update, async (c) => {
      const { userId } = authorize(c, 'settings.write')
      return c.json(await updateSettings(db, c.req.valid('json'), userId), 200)
    })
    .openapi(repositories, async (c) => {
      authorize(c, 'repositories.read')
      const data = (await listRepositories(db)).map((row) => ({ ...row, createdAt: row.createdAt.toISOString() }))
      return c.json({ data }, 200)
    })
}
