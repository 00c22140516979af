import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { findRole } from '../../resolve-name.ts'

export const deleteRole = defineCommand({
  name: 'role delete',
  summary: 'Removes a role, from all who have it.',
  positionals: ['ROLE'],
  options: { ...JSON_OPTION },
  examples: ['drydock role delete reviewers'],
  run: async ({ values, positionals: [name = ''] }, context) => {
    const client = await createClient(context)
    const { id } = await findRole(client, name)
    await client.deleteRole(id)
    if (values.json) writeJson(context, { deleted: id })
    else say(context, 'The role is gone.')
    return 0
  },
})
