import { z } from '@hono/zod-openapi'
import { readEnvironment, updateEnvironment } from '../../domain/environments/environments.ts'
import type { EnvironmentView } from '../../domain/environments/environments.ts'
import { wakeCaches } from '../../domain/environments/cache.ts'
import { listSecrets } from '../../domain/environments/secrets.ts'
import { DrydockError } from '../../domain/errors.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { changeOf } from '../environment-file/change.ts'
import { exportEnvironment } from '../environment-file/export-file.ts'
import { environmentFileSchema } from '../environment-file/file-schema.ts'
import { planEnvironment } from '../environment-file/plan.ts'
import { FILE_PATH, readEnvironmentFile } from '../environment-file/read-file.ts'
import { inspect } from '../inspect.ts'
import { defineRoute } from '../route.ts'
import { body, json, line, problems } from '../schemas/common.ts'
import { AppliedSchema, ApplySchema, EnvironmentPlanSchema } from '../schemas/environment-file.ts'
import { environmentJson } from '../schemas/environment.ts'
import { settingsOf } from './environments.ts'

const params = z.object({ id: line(64).openapi({ description: 'Id or name' }) })

const schema = defineRoute({
  method: 'get',
  path: '/environment-file.schema.json',
  needs: { scope: 'read' },
  responses: { 200: json(`The JSON schema of ${FILE_PATH}`, z.record(z.string(), z.unknown())), ...problems },
})
const plan = defineRoute({
  method: 'post',
  path: '/environments/{id}/plan',
  needs: { scope: 'admin', object: { of: 'environment', to: 'edit' } },
  audit: 'none',
  request: { params },
  responses: { 200: json('What the repository declares, beside what is', EnvironmentPlanSchema), ...problems },
})
const apply = defineRoute({
  method: 'post',
  path: '/environments/{id}/apply',
  needs: { scope: 'admin', object: { of: 'environment', to: 'edit' } },
  audit: 'environment.apply',
  request: { params, body: body(ApplySchema) },
  responses: { 200: json('What was taken over', AppliedSchema), ...problems },
})
const exported = defineRoute({
  method: 'get',
  path: '/environments/{id}/export',
  needs: { scope: 'read', object: { of: 'environment', to: 'see' } },
  request: { params },
  responses: {
    200: { description: `The environment as ${FILE_PATH}`, content: { 'application/yaml': { schema: z.string() } } },
    ...problems,
  },
})

/** Environments as code: the file is read from the default branch, and takes effect by somebody's word only (R21). */
export function environmentFileRoutes(deps: ApiDeps) {
  return newRouter(deps)
    .openapi(schema, (c) => {
      return c.json(environmentFileSchema(), 200)
    })
    .openapi(plan, async (c) => {
      const environment = await readEnvironment(deps.db, c.get('objectId'))
      const { commit, branch, planned } = await planNow(deps, environment, c.req.raw.signal)
      return c.json({ commit, branch, ...planned }, 200)
    })
    .openapi(apply, async (c) => {
      const environment = await readEnvironment(deps.db, c.get('objectId'))
      const { commit, accept } = c.req.valid('json')
      const now = await planNow(deps, environment, c.req.raw.signal)
      if (now.commit !== commit) throw changedSince(commit, now.commit)
      const { change, applied, left } = changeOf(now.file, { plan: now.planned, accept })
      const by = c.get('principal')
      const settings = await settingsOf(deps, change, { environment, principal: by })
      const update = { change: settings, by, action: 'environment.apply' as const }
      const { environment: updated } = await updateEnvironment(deps.db, environment.id, update)
      await wakeCaches(deps.db)
      return c.json({ applied, left, environment: environmentJson(updated) }, 200)
    })
    .openapi(exported, async (c) => {
      const environment = await readEnvironment(deps.db, c.get('objectId'))
      c.header('content-type', 'application/yaml; charset=utf-8')
      return c.body(exportEnvironment(environment, await secretNamesOf(deps, environment)), 200)
    })
}

async function planNow(deps: ApiDeps, environment: EnvironmentView, signal: AbortSignal) {
  const { commit, branch, declared } = await inspect(deps, environment.repository, signal)
  if (declared === null) {
    throw new DrydockError(
      'environment-file-missing',
      `Cannot plan environment "${environment.name}": branch ${branch} has no ${FILE_PATH}. Write one with: drydock env export`,
    )
  }
  const file = readEnvironmentFile(declared)
  const secretNames = await secretNamesOf(deps, environment)
  return { commit, branch, file, planned: planEnvironment(file, { environment, secretNames }) }
}

const secretNamesOf = async ({ db }: ApiDeps, { id }: EnvironmentView) =>
  (await listSecrets(db, id)).map(({ name }) => name)

function changedSince(planned: string, now: string): DrydockError {
  return new DrydockError(
    'environment-file-changed',
    `Cannot apply commit ${planned.slice(0, 10)}: the default branch is at ${now.slice(0, 10)} by now. Plan again`,
  )
}
