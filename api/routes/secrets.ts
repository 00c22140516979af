import { createRoute, z } from '@hono/zod-openapi'
import { findEnvironment } from '../../domain/environments/environments.ts'
import { deleteSecret, listSecrets, setSecret } from '../../domain/environments/secrets.ts'
import type { SecretTarget } from '../../domain/environments/secrets.ts'
import { DrydockError } from '../../domain/errors.ts'
import { authorize, newRouter, requireKeyring } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import { VariableName, body, json, line, problems } from '../schemas/common.ts'
import { SecretChangeSchema, SecretListSchema, SecretParams, SetSecretSchema, secretJson } from '../schemas/secret.ts'

const list = createRoute({
  method: 'get',
  path: '/environments/{id}/secrets',
  request: { params: z.object({ id: line(64) }) },
  responses: { 200: json('All secrets by name, without their values', SecretListSchema), ...problems },
})
const set = createRoute({
  method: 'put',
  path: '/environments/{id}/secrets/{name}',
  request: { params: SecretParams, body: body(SecretChangeSchema) },
  responses: { 200: json('The secret, without its value', SetSecretSchema), ...problems },
})
const remove = createRoute({
  method: 'delete',
  path: '/environments/{id}/secrets/{name}',
  request: { params: SecretParams },
  responses: { 204: { description: 'It is gone' }, ...problems },
})

/** Secrets of environments: written, and read by nobody (R23). */
export function secretRoutes(deps: ApiDeps) {
  const { db } = deps
  return newRouter()
    .openapi(list, async (c) => {
      authorize(c, 'environments.read')
      const { id } = await findEnvironment(db, c.req.valid('param').id)
      return c.json({ data: (await listSecrets(db, id)).map(secretJson) }, 200)
    })
    .openapi(set, async (c) => {
      const { role } = authorize(c, 'environments.write')
      const { id, name: given } = c.req.valid('param')
      const name = secretName(given)
      const { value, ...change } = c.req.valid('json')
      const target: SecretTarget = change.kind === 'setup' ? { ...change, host: null, header: null } : change
      // The gateway sends it to a host on behalf of whatever runs in the sandbox (R14).
      if (target.kind === 'brokered' && role !== 'admin') {
        throw new DrydockError('forbidden', 'Cannot store a brokered secret: only an administrator may')
      }
      const { id: environmentId } = await findEnvironment(db, id)
      const view = await setSecret(db, requireKeyring(deps), { environmentId, name, value, ...target })
      return c.json({ ...secretJson(view), notice: noticeOf(target) }, 200)
    })
    .openapi(remove, async (c) => {
      authorize(c, 'environments.write')
      const { id, name } = c.req.valid('param')
      await deleteSecret(db, { environmentId: (await findEnvironment(db, id)).id, name: secretName(name) })
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
