import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { assertNamesChange } from '../../errors.ts'
import { choice } from '../../flag-values.ts'
import { findUser } from '../../resolve-name.ts'
import type { UserChangeJson } from '../../../api/schemas/people.ts'

const ROLES = ['owner', 'admin', 'member', 'viewer'] as const satisfies readonly UserChangeJson['role'][]

export const setUser = defineCommand({
  name: 'user set',
  summary: 'Changes a person or service account: the name, the built-in role, and whether they may come in.',
  positionals: ['USER'],
  options: {
    name: { type: 'string', value: 'NAME', help: 'what they are called' },
    role: { type: 'string', value: 'ROLE', help: 'owner, admin, member or viewer' },
    enable: { type: 'boolean', help: 'let them in again' },
    ...JSON_OPTION,
  },
  notes: 'USER is an id, a name or an e-mail. Nobody gives more than they have, and the last owner stays.',
  examples: ['drydock user set ada@example.com --role admin', 'drydock user set ada@example.com --enable'],
  run: async ({ values: { name, role: roleText, enable, json }, positionals: [user = ''] }, context) => {
    const role = choice('role', roleText, ROLES)
    const change = { ...(name !== undefined && { name }), ...(role && { role }), ...(enable && { disabled: false }) }
    assertNamesChange('user set', change)
    const client = await createClient(context)
    const changed = await client.updateUser((await findUser(client, user)).id, change)
    if (json) writeJson(context, changed)
    else say(context, `User "${changed.name}" is changed: ${changed.role}${changed.disabled ? ', disabled' : ''}.`)
    return 0
  },
})
