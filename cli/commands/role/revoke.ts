import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { findRole } from '../../resolve-name.ts'
import { GRANTEE_OPTIONS, granteeFromFlags } from '../../role-flags.ts'

export const revokeRole = defineCommand({
  name: 'role revoke',
  summary: 'Takes a role from a person or a group.',
  positionals: ['ROLE'],
  options: { ...GRANTEE_OPTIONS, ...JSON_OPTION },
  examples: [
    'drydock role revoke reviewers --user ada@example.com',
    'drydock role revoke reviewers --group engineering',
  ],
  run: async ({ values: { json, ...flags }, positionals: [name = ''] }, context) => {
    const client = await createClient(context)
    const role = await findRole(client, name)
    const { to, called } = await granteeFromFlags(client, flags)
    await client.revokeRole(role.id, to)
    if (json) writeJson(context, { role: role.id, revoked: to })
    else say(context, `"${called}" does not have the role "${role.name}".`)
    return 0
  },
})
