import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { findRole } from '../../resolve-name.ts'
import { GRANTEE_OPTIONS, granteeFromFlags } from '../../role-flags.ts'

export const grantRole = defineCommand({
  name: 'role grant',
  summary: 'Gives a role to a person, or to all of a group.',
  positionals: ['ROLE'],
  options: { ...GRANTEE_OPTIONS, ...JSON_OPTION },
  examples: ['drydock role grant reviewers --user ada@example.com', 'drydock role grant reviewers --group engineering'],
  run: async ({ values: { json, ...flags }, positionals: [name = ''] }, context) => {
    const client = await createClient(context)
    const role = await findRole(client, name)
    const { to, called } = await granteeFromFlags(client, flags)
    await client.grantRole(role.id, to)
    if (json) writeJson(context, { role: role.id, granted: to })
    else say(context, `"${called}" has the role "${role.name}".`)
    return 0
  },
})
