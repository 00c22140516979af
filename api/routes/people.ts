import { z } from '@hono/zod-openapi'
import { administrates } from '../../domain/access/decide.ts'
import { assertWithin } from '../../domain/access/giving.ts'
import { findUser, userTarget } from '../../domain/access/users.ts'
import { recordAudit } from '../../domain/audit/record.ts'
import { forbidden } from '../../domain/errors.ts'
import { deletePerson } from '../../domain/people/delete-person.ts'
import { exportPerson } from '../../domain/people/export-person.ts'
import type { PersonRecord } from '../../domain/people/export-person.ts'
import { finishDeletions } from '../../domain/people/finish-deletion.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { rightOf } from '../enforce.ts'
import { LINES_TYPE, lineStream } from '../line-stream.ts'
import type { Lines } from '../line-stream.ts'
import { MANAGE_MEMBERS, defineRoute } from '../route.ts'
import { IdParams, parseId, problems } from '../schemas/common.ts'

/** Records that are on their way at once: some have a whole patch. */
const RECORDS_AT_ONCE = 20

const exported = defineRoute({
  method: 'get',
  path: '/users/{id}/export',
  needs: MANAGE_MEMBERS,
  audit: 'user.export',
  request: { params: IdParams },
  responses: {
    200: {
      description:
        'All that is kept about a person, one record on each line, told apart by its type; for who may see all tasks',
      content: { [LINES_TYPE]: { schema: z.string() } },
    },
    ...problems,
  },
})
const remove = defineRoute({
  method: 'delete',
  path: '/users/{id}',
  needs: MANAGE_MEMBERS,
  audit: 'user.delete',
  request: { params: IdParams },
  responses: { 204: { description: 'They are deleted, with what is in their tasks' }, ...problems },
})

/** What is kept about a person: to be handed out, and to be erased. */
export function peopleRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(exported, async (c) => {
      const principal = c.get('principal')
      // What is in people's tasks is for who may see those.
      if (!administrates(principal)) throw forbidden()
      const user = await findUser(db, userId(c.req.valid('param').id))
      assertWithin(principal, user.role, user.permissions)
      await db.transaction((tx) => recordAudit(tx, { by: principal, action: 'user.export', target: userTarget(user) }))
      c.header('content-type', LINES_TYPE)
      // The name of the type ends with json, so that the route's type takes it for one document.
      return c.body(lineStream(deps, rightOf(deps, c), await linesOf(exportPerson(db, user.id))), 200) as never
    })
    .openapi(remove, async (c) => {
      await deletePerson(db, c.get('principal'), userId(c.req.valid('param').id))
      // A runner goes on with what this process does not come to.
      await finishDeletions(db).catch((error: unknown) => {
        deps.logger.error({ err: error }, "Cannot remove all of a person's content yet; a runner goes on with it")
      })
      return c.body(null, 204)
    })
}

async function linesOf(records: AsyncGenerator<PersonRecord, void>): Promise<Lines> {
  const data: PersonRecord[] = []
  while (data.length < RECORDS_AT_ONCE) {
    const next = await records.next()
    if (next.done === true) return { data, next: undefined }
    data.push(next.value)
  }
  return { data, next: () => linesOf(records) }
}

const userId = (text: string) => parseId(text, 'user-not-found', 'this user')
