import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'

export const deleteEnvironment = defineCommand({
  name: 'env delete',
  summary: 'Removes an environment.',
  positionals: ['ID|NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock env delete shop'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    await (await createClient(context)).deleteEnvironment(id)
    if (values.json) writeJson(context, { deleted: id })
    else say(context, 'The environment is gone.')
    return 0
  },
})
