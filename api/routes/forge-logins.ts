import { DrydockError, hasCode } from '../../domain/errors.ts'
import { linkForgeLogin, listForgeLogins, unlinkForgeLogin } from '../../domain/people/forge-logins.ts'
import type { ForgeAccount } from '../../domain/people/forge-logins.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { assertSignedInLately } from '../make-token.ts'
import { defineRoute } from '../route.ts'
import { body, json, problems } from '../schemas/common.ts'
import {
  ForgeLoginListSchema,
  ForgeLoginSchema,
  HostParams,
  NewForgeLoginSchema,
  forgeLoginJson,
} from '../schemas/forge-login.ts'

const WAIT_MS = 15_000

const link = defineRoute({
  method: 'put',
  path: '/me/forge-logins',
  needs: { scope: 'write' },
  audit: 'forge-login.link',
  request: { body: body(NewForgeLoginSchema) },
  responses: { 200: json('Who you are on the forge, which said so itself', ForgeLoginSchema), ...problems },
})
const list = defineRoute({
  method: 'get',
  path: '/me/forge-logins',
  needs: { scope: 'read' },
  responses: { 200: json('Who you are on forges', ForgeLoginListSchema), ...problems },
})
const unlink = defineRoute({
  method: 'delete',
  path: '/me/forge-logins/{host}',
  needs: { scope: 'write' },
  audit: 'forge-login.unlink',
  request: { params: HostParams },
  responses: { 204: { description: 'It is not linked any more' }, ...problems },
})

/** Who people are on a forge: shown by a token of theirs, which is asked once and kept nowhere. */
export function forgeLoginRoutes(deps: ApiDeps) {
  const { db, forge } = deps
  return newRouter(deps)
    .openapi(link, async (c) => {
      const by = c.get('principal')
      assertSignedInLately(by, 'Cannot link a login')
      const account = await accountOf(deps, c.req.valid('json').token)
      return c.json(forgeLoginJson(await linkForgeLogin(db, { by, host: forge.host, account })), 200)
    })
    .openapi(list, async (c) => {
      return c.json({ data: (await listForgeLogins(db, c.get('principal').userId)).map(forgeLoginJson) }, 200)
    })
    .openapi(unlink, async (c) => {
      const by = c.get('principal')
      assertSignedInLately(by, 'Cannot unlink a login')
      await unlinkForgeLogin(db, { by, user: { id: by.userId, name: by.name }, host: c.req.valid('param').host })
      return c.body(null, 204)
    })
}

async function accountOf({ forge }: Pick<ApiDeps, 'forge'>, token: string): Promise<ForgeAccount> {
  const cannot = 'Cannot link a login:'
  const limit = AbortSignal.timeout(WAIT_MS)
  try {
    return await forge.accountOf(token, limit)
  } catch (error) {
    if (limit.aborted) throw new DrydockError('forge-unavailable', `${cannot} ${forge.host} does not answer in time`)
    if (!hasCode(error, 'repository-auth')) throw error
    const why = `${forge.host} does not say whose token that is. Make one of your own there; it needs no rights`
    throw new DrydockError('repository-auth', `${cannot} ${why}`, { cause: error })
  }
}
