import { createClient } from '../../../client.ts'
import { JSON_OPTION, defineCommand } from '../../../command.ts'
import { say, writeJson } from '../../../context.ts'

export const deleteSecret = defineCommand({
  name: 'env secret delete',
  summary: 'Removes a secret of an environment.',
  positionals: ['ID|NAME', 'SECRET'],
  options: { ...JSON_OPTION },
  examples: ['drydock env secret delete shop NPM_TOKEN'],
  run: async ({ values, positionals: [environment = '', name = ''] }, context) => {
    await (await createClient(context)).deleteSecret(environment, name)
    if (values.json) writeJson(context, { deleted: name })
    else say(context, 'The secret is gone.')
    return 0
  },
})
