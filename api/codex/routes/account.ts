import { newRouter } from '../../context.ts'
import type { ApiDeps } from '../../context.ts'
import { defineRoute } from '../../route.ts'
import { json } from '../../schemas/common.ts'
import { codexErrors } from '../errors.ts'
import { CodexRequirementsSchema, CodexUsageSchema, WhoamiSchema } from '../response.ts'

/** One server is one account. */
const ACCOUNT = 'drydock'

const whoami = defineRoute({
  method: 'get',
  path: '/user-auth-credential/whoami',
  needs: 'anyone',
  responses: { 200: json('Whose token it is', WhoamiSchema), ...codexErrors },
})
const usage = defineRoute({
  method: 'get',
  path: '/usage',
  needs: 'anyone',
  responses: { 200: json('Nothing is limited by a plan', CodexUsageSchema), ...codexErrors },
})
const requirements = defineRoute({
  method: 'get',
  path: '/config/requirements',
  needs: 'anyone',
  responses: {
    200: json('Nothing is required of the configuration of a CLI', CodexRequirementsSchema),
    ...codexErrors,
  },
})

/** Every command of the CLI begins with this. */
export function whoamiRoutes(deps: ApiDeps) {
  return newRouter(deps).openapi(whoami, (c) => {
    const { userId, email } = c.get('principal')
    const plan = { chatgpt_plan_type: 'enterprise', chatgpt_account_is_fedramp: false } as const
    return c.json({ email, chatgpt_user_id: userId, chatgpt_account_id: ACCOUNT, ...plan }, 200)
  })
}

export function codexAccountRoutes(deps: ApiDeps) {
  return newRouter(deps)
    .openapi(usage, (c) => c.json({ plan_type: 'enterprise' as const, rate_limit: null, credits: null }, 200))
    .openapi(requirements, (c) => c.json({ contents: null, sha256: null }, 200))
}
