import { DrydockError } from '../../domain/errors.ts'
import {
  createProvider,
  deleteProvider,
  findProvider,
  listProviders,
  updateProvider,
} from '../../domain/providers/providers.ts'
import { newRouter, requireKeyring } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { body, json, problems } from '../schemas/common.ts'
import {
  NamedParams,
  NewProviderSchema,
  ProviderChangeSchema,
  ProviderListSchema,
  ProviderSchema,
  providerJson,
} from '../schemas/provider.ts'

const create = defineRoute({
  method: 'post',
  path: '/providers',
  needs: { scope: 'admin', permission: 'settings.manage' },
  audit: 'provider.create',
  request: { body: body(NewProviderSchema) },
  responses: { 201: json('The new provider of models, without its key', ProviderSchema), ...problems },
})
const list = defineRoute({
  method: 'get',
  path: '/providers',
  needs: { scope: 'read', permission: 'settings.manage' },
  responses: { 200: json('All providers by name', ProviderListSchema), ...problems },
})
const read = defineRoute({
  method: 'get',
  path: '/providers/{name}',
  needs: { scope: 'read', permission: 'settings.manage' },
  request: { params: NamedParams },
  responses: { 200: json('The provider, by id or name', ProviderSchema), ...problems },
})
const update = defineRoute({
  method: 'patch',
  path: '/providers/{name}',
  needs: { scope: 'admin', permission: 'settings.manage' },
  audit: 'provider.update',
  request: { params: NamedParams, body: body(ProviderChangeSchema) },
  responses: { 200: json('The provider with the changes', ProviderSchema), ...problems },
})
const remove = defineRoute({
  method: 'delete',
  path: '/providers/{name}',
  needs: { scope: 'admin', permission: 'settings.manage' },
  audit: 'provider.delete',
  request: { params: NamedParams },
  responses: { 204: { description: 'It is gone' }, ...problems },
})

/** Where models are: for administrators alone. A key goes in and never comes out. */
export function providerRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(create, async (c) => {
      const input = { ...c.req.valid('json'), by: c.get('principal') }
      assertScheme(input.baseUrl, input.internal ?? false)
      return c.json(providerJson(await createProvider(db, requireKeyring(deps), input)), 201)
    })
    .openapi(list, async (c) => {
      return c.json({ data: (await listProviders(db)).map(providerJson) }, 200)
    })
    .openapi(read, async (c) => {
      return c.json(providerJson(await findProvider(db, wellFormed(c.req.valid('param').name))), 200)
    })
    .openapi(update, async (c) => {
      const before = await findProvider(db, wellFormed(c.req.valid('param').name))
      const change = c.req.valid('json')
      assertScheme(change.baseUrl ?? before.baseUrl, change.internal ?? before.internal)
      const asked = { id: before.id, change, by: c.get('principal') }
      return c.json(providerJson(await updateProvider(db, requireKeyring(deps), asked)), 200)
    })
    .openapi(remove, async (c) => {
      const { id } = await findProvider(db, wellFormed(c.req.valid('param').name))
      await deleteProvider(db, { id, by: c.get('principal') })
      return c.body(null, 204)
    })
}

/** Prompts and the key cross a network in the clear only where an administrator calls that network internal. */
function assertScheme(baseUrl: string, internal: boolean): void {
  if (internal || baseUrl.startsWith('https://')) return
  throw new DrydockError(
    'invalid-request',
    'Cannot accept the request: baseUrl: must be https:// unless the provider is internal',
  )
}

/** A name that no row can have is not looked for. */
function wellFormed(name: string): string {
  if (/^[\x21-\x7e]{1,64}$/.test(name)) return name
  throw new DrydockError('provider-not-found', 'Cannot find this provider: that is not a name or id')
}
