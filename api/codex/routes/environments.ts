import { z } from '@hono/zod-openapi'
import { listEnvironments } from '../../../domain/environments/environments.ts'
import type { EnvironmentView } from '../../../domain/environments/environments.ts'
import { newRouter } from '../../context.ts'
import type { ApiDeps } from '../../context.ts'
import { defineRoute } from '../../route.ts'
import { json } from '../../schemas/common.ts'
import { codexErrors } from '../errors.ts'
import { CodexEnvironmentsSchema } from '../response.ts'

const name = z.string().min(1).max(200)

const list = defineRoute({
  method: 'get',
  path: '/environments',
  needs: { scope: 'read' },
  responses: { 200: json('All environments by name', CodexEnvironmentsSchema), ...codexErrors },
})
const byRepository = defineRoute({
  method: 'get',
  path: '/environments/by-repo/github/{owner}/{repo}',
  needs: { scope: 'read' },
  request: { params: z.object({ owner: name, repo: name }) },
  responses: { 200: json('Those for a repository on GitHub', CodexEnvironmentsSchema), ...codexErrors },
})

export function codexEnvironmentRoutes(deps: ApiDeps) {
  return newRouter(deps)
    .openapi(list, async (c) => c.json((await listEnvironments(deps.db, c.get('principal'))).map(environmentJson), 200))
    .openapi(byRepository, async (c) => {
      const { owner, repo } = c.req.valid('param')
      const found = await listEnvironments(deps.db, c.get('principal'))
      return c.json(found.filter(isFor(`${owner}/${repo}`)).map(environmentJson), 200)
    })
}

/** GitHub does not tell cases apart. Only the first repository counts: diffs are those of it. */
function isFor(address: string) {
  return ({ repository }: EnvironmentView) =>
    repository.forge === 'github' && repository.address.toLowerCase() === address.toLowerCase()
}

function environmentJson({ id, name: label }: EnvironmentView) {
  return { id, label, is_pinned: false }
}
