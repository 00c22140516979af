import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { assertNamesChange } from '../../errors.ts'
import { findRole } from '../../resolve-name.ts'
import { ROLE_OPTIONS, permissionsFromFlags } from '../../role-flags.ts'

export const setRole = defineCommand({
  name: 'role set',
  summary: 'Changes a role, for all who have it.',
  positionals: ['ROLE'],
  options: {
    name: { type: 'string', value: 'NAME', help: 'another name' },
    ...ROLE_OPTIONS,
    ...JSON_OPTION,
  },
  notes: 'Permissions are replaced together: name all that it is to give, or --permission "" for none.',
  examples: ['drydock role set reviewers --permission reviews.manage'],
  run: async ({ values: { name, json, ...flags }, positionals: [id = ''] }, context) => {
    const { description } = flags
    const permissions = permissionsFromFlags(flags)
    const change = {
      ...(name !== undefined && { name }),
      ...(description !== undefined && { description }),
      ...(permissions !== undefined && { permissions }),
    }
    assertNamesChange('role set', change)
    const client = await createClient(context)
    const role = await client.updateRole((await findRole(client, id)).id, change)
    if (json) writeJson(context, role)
    else say(context, `Role "${role.name}" is changed.`)
    return 0
  },
})
