import { DrydockError } from '../../domain/errors.ts'
import {
  createSignInProvider,
  deleteSignInProvider,
  findSignInProvider,
  listSignInProviders,
  updateSignInProvider,
} from '../../domain/sign-in/providers.ts'
import { newRouter, requireKeyring } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { body, json, problems } from '../schemas/common.ts'
import {
  NewSignInProviderSchema,
  SignInName,
  SignInProviderChangeSchema,
  SignInProviderListSchema,
  SignInProviderSchema,
  isProviderName,
  signInProviderJson,
} from '../schemas/sign-in.ts'

const SCOPES = ['openid', 'profile', 'email']

const create = defineRoute({
  method: 'post',
  path: '/sign-in-providers',
  needs: { scope: 'admin', permission: 'settings.manage' },
  audit: 'sign-in-provider.create',
  request: { body: body(NewSignInProviderSchema) },
  responses: { 201: json('The new sign-in provider, without its secret', SignInProviderSchema), ...problems },
})
const list = defineRoute({
  method: 'get',
  path: '/sign-in-providers',
  needs: { scope: 'read', permission: 'settings.manage' },
  responses: { 200: json('All sign-in providers by name', SignInProviderListSchema), ...problems },
})
const read = defineRoute({
  method: 'get',
  path: '/sign-in-providers/{name}',
  needs: { scope: 'read', permission: 'settings.manage' },
  request: { params: SignInName },
  responses: { 200: json('The sign-in provider', SignInProviderSchema), ...problems },
})
const update = defineRoute({
  method: 'patch',
  path: '/sign-in-providers/{name}',
  needs: { scope: 'admin', permission: 'settings.manage' },
  audit: 'sign-in-provider.update',
  request: { params: SignInName, body: body(SignInProviderChangeSchema) },
  responses: { 200: json('The sign-in provider with the changes', SignInProviderSchema), ...problems },
})
const remove = defineRoute({
  method: 'delete',
  path: '/sign-in-providers/{name}',
  needs: { scope: 'admin', permission: 'settings.manage' },
  audit: 'sign-in-provider.delete',
  request: { params: SignInName },
  responses: { 204: { description: 'It is gone, and who came by it is signed out' }, ...problems },
})

/** Where people sign in: for administrators, within their own rights. A secret goes in and never comes out. */
export function signInProviderRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(create, async (c) => {
      const input = c.req.valid('json')
      const by = { giver: c.get('principal'), keyring: requireKeyring(deps) }
      const { displayName = input.name, scopes = SCOPES } = input
      const made = await createSignInProvider(db, by, { ...input, displayName, scopes })
      return c.json(signInProviderJson(made), 201)
    })
    .openapi(list, async (c) => c.json({ data: (await listSignInProviders(db)).map(signInProviderJson) }, 200))
    .openapi(read, async (c) => {
      return c.json(signInProviderJson(await findSignInProvider(db, nameOf(c.req.valid('param').name))), 200)
    })
    .openapi(update, async (c) => {
      const asked = { name: nameOf(c.req.valid('param').name), change: c.req.valid('json') }
      const by = { giver: c.get('principal'), keyring: requireKeyring(deps) }
      return c.json(signInProviderJson(await updateSignInProvider(db, by, asked)), 200)
    })
    .openapi(remove, async (c) => {
      await deleteSignInProvider(db, c.get('principal'), nameOf(c.req.valid('param').name))
      return c.body(null, 204)
    })
}

/** A name that no row can have is not looked for. */
function nameOf(text: string): string {
  if (isProviderName(text)) return text
  throw new DrydockError('sign-in-provider-not-found', 'Cannot find this sign-in provider: that is not a name of one')
}
