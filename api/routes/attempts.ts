import { z } from '@hono/zod-openapi'
import { PUBLISH } from '../../domain/access/publishing-right.ts'
import { DrydockError } from '../../domain/errors.ts'
import { assertKept } from '../../domain/retention/removed.ts'
import { isOpen } from '../../domain/tasks/attempt.ts'
import { requestPublish } from '../../domain/tasks/publish-request.ts'
import { readAttemptState, readPatch, readRepositoryPatch } from '../../domain/tasks/read.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { publisherOnForge } from '../push-right.ts'
import { defineRoute } from '../route.ts'
import { IdParams, json, problems } from '../schemas/common.ts'
import { DiffQuery, PublishSchema, PublishStateSchema } from '../schemas/task.ts'

const diff = defineRoute({
  method: 'get',
  path: '/attempts/{id}/diff',
  needs: { scope: 'read', object: { of: 'attempt', to: 'see' } },
  request: { params: IdParams, query: DiffQuery },
  responses: {
    200: { description: 'The patch, byte for byte', content: { 'text/x-diff': { schema: z.string() } } },
    ...problems,
  },
})
const publish = defineRoute({
  method: 'post',
  path: '/attempts/{id}/pull-request',
  needs: PUBLISH,
  audit: 'attempt.publish',
  request: { params: IdParams, body: { content: { 'application/json': { schema: PublishSchema } } } },
  responses: {
    200: json('It is published already', PublishStateSchema),
    202: json('It will be published', PublishStateSchema),
    ...problems,
  },
})

export function attemptRoutes(deps: ApiDeps) {
  return newRouter(deps)
    .openapi(diff, async (c) => {
      const id = c.get('objectId')
      const { repository: name } = c.req.valid('query')
      const patch = await (name === undefined
        ? readPatch(deps.db, id)
        : readRepositoryPatch(deps.db, { attemptId: id, name }))
      const cannot = `Cannot show the diff of attempt "${id}"`
      await assertKept(deps.db, { attemptId: id, kinds: ['changes'], cannot })
      if (patch === undefined) throw await noDiff(deps, id, name)
      c.header('content-type', 'text/x-diff')
      return c.body(new Uint8Array(patch), 200)
    })
    .openapi(publish, async (c) => {
      const id = c.get('objectId')
      // Without a body nothing is validated, and so nothing is confirmed.
      const confirmFlagged = c.req.valid('json').confirmFlagged === true
      const by = c.get('principal')
      const onForge = await publisherOnForge(deps, { principal: by, attemptId: id }, c.req.raw.signal)
      const view = await requestPublish(deps.db, { by, onForge, attemptId: id, confirmFlagged })
      return c.json(view, view.publish.state === 'published' ? 200 : 202)
    })
}

async function noDiff({ db }: Pick<ApiDeps, 'db'>, id: string, name: string | undefined): Promise<DrydockError> {
  const attempt = await readAttemptState(db, id)
  const cannot = `Cannot show the diff of attempt "${id}":`
  if (attempt?.mode === 'ask') return new DrydockError('not-a-code-task', `${cannot} its task only asks`)
  if (attempt !== undefined && isOpen(attempt.state)) {
    return new DrydockError('attempt-not-finished', `${cannot} it is ${attempt.state}`)
  }
  const names = attempt?.changes.map((change) => `"${change.name}"`).join(', ')
  if (name !== undefined && names) {
    return new DrydockError('not-found', `${cannot} it has no repository ${JSON.stringify(name)}. It has ${names}`)
  }
  return new DrydockError('no-changes', `${cannot} it ended without one (${attempt?.state ?? 'gone'})`)
}
