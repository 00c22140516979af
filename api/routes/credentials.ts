import { deleteCredential, listCredentials, setCredential } from '../../domain/credentials/credentials.ts'
import { DrydockError } from '../../domain/errors.ts'
import { rewrapAll } from '../../domain/secrets/rewrap.ts'
import { newRouter, requireKeyring } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { body, json, problems } from '../schemas/common.ts'
import {
  CredentialChangeSchema,
  CredentialListSchema,
  CredentialName,
  CredentialSchema,
  NamedParams,
  RewrapSchema,
  credentialJson,
} from '../schemas/provider.ts'

const list = defineRoute({
  method: 'get',
  path: '/credentials',
  needs: { scope: 'read', permission: 'settings.manage' },
  responses: { 200: json('All credentials by name, without their values', CredentialListSchema), ...problems },
})
const set = defineRoute({
  method: 'put',
  path: '/credentials/{name}',
  needs: { scope: 'admin', permission: 'settings.manage' },
  audit: 'credential.set',
  request: { params: NamedParams, body: body(CredentialChangeSchema) },
  responses: { 200: json('The credential, without its value', CredentialSchema), ...problems },
})
const remove = defineRoute({
  method: 'delete',
  path: '/credentials/{name}',
  needs: { scope: 'admin', permission: 'settings.manage' },
  audit: 'credential.delete',
  request: { params: NamedParams },
  responses: { 204: { description: 'It is gone; rules that name it let nothing through' }, ...problems },
})
const rewrap = defineRoute({
  method: 'post',
  path: '/keys/rewrap',
  needs: { scope: 'admin', permission: 'settings.manage' },
  audit: 'keys.rewrap',
  responses: { 200: json('Everything is sealed with the current master key', RewrapSchema), ...problems },
})

/** Headers that the gateway adds: for administrators alone. A value goes in and never comes out. */
export function credentialRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(list, async (c) => {
      return c.json({ data: (await listCredentials(db)).map(credentialJson) }, 200)
    })
    .openapi(set, async (c) => {
      const name = credentialName(c.req.valid('param').name, 'invalid-request')
      const input = { by: c.get('principal'), name, ...c.req.valid('json') }
      const set = await setCredential(db, requireKeyring(deps), input)
      return c.json(credentialJson(set), 200)
    })
    .openapi(remove, async (c) => {
      const name = credentialName(c.req.valid('param').name, 'credential-not-found')
      await deleteCredential(db, { name, by: c.get('principal') })
      return c.body(null, 204)
    })
    .openapi(rewrap, async (c) => {
      const keyring = requireKeyring(deps)
      return c.json({ keyId: keyring.current.id, ...(await rewrapAll(db, keyring, c.get('principal'))) }, 200)
    })
}

function credentialName(text: string, code: 'invalid-request' | 'credential-not-found'): string {
  if (CredentialName.safeParse(text).success) return text
  throw new DrydockError(
    code,
    'Cannot use this name of a credential: it has 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit',
  )
}
