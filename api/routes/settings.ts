import { listRepositories } from '../../domain/repositories/repositories.ts'
import { Settings, readSettings, updateSettings } from '../../domain/settings/settings.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { body, json, problems } from '../schemas/common.ts'
import { RepositoryListSchema } from '../schemas/environment.ts'
import { SettingsChangeSchema } from '../schemas/settings.ts'

const read = defineRoute({
  method: 'get',
  path: '/settings',
  needs: { scope: 'read', permission: 'settings.manage' },
  responses: { 200: json('The settings of this installation', Settings), ...problems },
})
const update = defineRoute({
  method: 'patch',
  path: '/settings',
  needs: { scope: 'admin', permission: 'settings.manage' },
  audit: 'settings.update',
  request: { body: body(SettingsChangeSchema) },
  responses: { 200: json('The settings with the changes', Settings), ...problems },
})
const repositories = defineRoute({
  method: 'get',
  path: '/repositories',
  needs: { scope: 'read' },
  responses: { 200: json('The repositories of the environments that one may use', RepositoryListSchema), ...problems },
})

export function settingsRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(read, async (c) => {
      return c.json(await readSettings(db), 200)
    })
    .openapi(update, async (c) => {
      return c.json(await updateSettings(db, c.req.valid('json'), c.get('principal')), 200)
    })
    .openapi(repositories, async (c) => {
      const data = (await listRepositories(db, c.get('principal'))).map((row) => ({
        ...row,
        createdAt: row.createdAt.toISOString(),
      }))
      return c.json({ data }, 200)
    })
}
