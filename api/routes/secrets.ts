import { z } from '@hono/zod-openapi'
import { administrates } from '../../domain/access/decide.ts'
import { deleteSecret, listSecrets, setSecret } from '../../domain/environments/secrets.ts'
import type { SecretTarget } from '../../domain/environments/secrets.ts'
import { DrydockError, forbidden } from '../../domain/errors.ts'
import { newRouter, requireKeyring } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { defineRoute } from '../route.ts'
import { VariableName, body, json, line, problems } from '../schemas/common.ts'
import { SecretChangeSchema, SecretListSchema, SecretParams, SetSecretSchema, secretJson } from '../schemas/secret.ts'

const list = defineRoute({
  method: 'get',
  path: '/environments/{id}/secrets',
  needs: { scope: 'read', object: { of: 'environment', to: 'see' } },
  request: { params: z.object({ id: line(64) }) },
  responses: { 200: json('All secrets by name, without their values', SecretListSchema), ...problems },
})
const set = defineRoute({
  method: 'put',
  path: '/environments/{id}/secrets/{name}',
  needs: { scope: 'admin', object: { of: 'environment', to: 'edit' } },
  audit: 'secret.set',
  request: { params: SecretParams, body: body(SecretChangeSchema) },
  responses: { 200: json('The secret, without its value', SetSecretSchema), ...problems },
})
const remove = defineRoute({
  method: 'delete',
  path: '/environments/{id}/secrets/{name}',
  needs: { scope: 'admin', object: { of: 'environment', to: 'edit' } },
  audit: 'secret.delete',
  request: { params: SecretParams },
  responses: { 204: { description: 'It is gone' }, ...problems },
})

/** Secrets of environments: written, and read by nobody (R23). */
export function secretRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter(deps)
    .openapi(list, async (c) => {
      return c.json({ data: (await listSecrets(db, c.get('objectId'))).map(secretJson) }, 200)
    })
    .openapi(set, async (c) => {
      const name = secretName(c.req.valid('param').name)
      const { value, ...change } = c.req.valid('json')
      const target: SecretTarget = change.kind === 'setup' ? { ...change, host: null, header: null } : change
      // The gateway sends it to a host on behalf of whatever runs in the sandbox (R14).
      if (target.kind === 'brokered' && !administrates(c.get('principal'))) throw forbidden()
      const environmentId = c.get('objectId')
      const view = await setSecret(db, requireKeyring(deps), {
        by: c.get('principal'),
        environmentId,
        name,
        value,
        ...target,
      })
      return c.json({ ...secretJson(view), notice: noticeOf(target) }, 200)
    })
    .openapi(remove, async (c) => {
      const name = secretName(c.req.valid('param').name)
      await deleteSecret(db, { environmentId: c.get('objectId'), name, by: c.get('principal') })
      return c.body(null, 204)
    })
}

/** What people would otherwise learn from a task that fails. */
const noticeOf = (target: SecretTarget) =>
  `${target.kind === 'setup' ? FOR_SETUP : forGateway(target)} ${WHO} Values of fewer than 6 characters are not masked in logs.`

const FOR_SETUP =
  'Secrets are for the set-up phase only: the set-up script sees it, and the maintenance script on the default branch; the agent does not. Use a brokered secret for what the agent needs from a host: the gateway adds it, and the sandbox never sees it.'
const forGateway = ({ host, header }: Extract<SecretTarget, { kind: 'brokered' }>) =>
  `The gateway adds it as "${header}" to https requests to ${host} that the network policy allows, in set-up and for the agent; it opens nothing by itself, and the sandbox never sees it.`
const WHO = "Whoever may edit this environment's scripts can use its secrets."

function secretName(text: string): string {
  const parsed = VariableName.safeParse(text)
  if (parsed.success) return text
  throw new DrydockError(
    'invalid-request',
    `Cannot use this name of a secret: it ${parsed.error.issues[0]?.message ?? 'is not one'}`,
  )
}
