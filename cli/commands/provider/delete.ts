import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'

export const deleteProvider = defineCommand({
  name: 'provider delete',
  summary: 'Removes a provider of models and its key.',
  positionals: ['NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock provider delete main'],
  run: async ({ values, positionals: [name = ''] }, context) => {
    await (await createClient(context)).deleteProvider(name)
    if (values.json) writeJson(context, { deleted: name })
    else say(context, 'The provider is gone.')
    return 0
  },
})
