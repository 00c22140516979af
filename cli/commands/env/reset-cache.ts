import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'

export const resetCache = defineCommand({
  name: 'env reset-cache',
  summary: 'Throws away what set-up has left: the next start sets the environment up anew.',
  positionals: ['ID|NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock env reset-cache shop'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const cache = await (await createClient(context)).resetCache(id)
    if (values.json) writeJson(context, cache)
    else say(context, 'The cache is reset: the next start sets the environment up anew.')
    return 0
  },
})
