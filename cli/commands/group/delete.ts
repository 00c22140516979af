import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { findGroup } from '../../resolve-name.ts'

export const deleteGroup = defineCommand({
  name: 'group delete',
  summary: 'Removes a group, with what its members had by it.',
  positionals: ['GROUP'],
  options: { ...JSON_OPTION },
  examples: ['drydock group delete engineering'],
  run: async ({ values, positionals: [name = ''] }, context) => {
    const client = await createClient(context)
    const { id } = await findGroup(client, name)
    await client.deleteGroup(id)
    if (values.json) writeJson(context, { deleted: id })
    else say(context, 'The group is gone.')
    return 0
  },
})
