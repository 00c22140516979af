import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'

export const refreshCache = defineCommand({
  name: 'env refresh',
  summary: 'Sets an environment up anew in the background; until then what is there serves.',
  positionals: ['ID|NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock env refresh shop'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const cache = await (await createClient(context)).refreshCache(id)
    if (values.json) writeJson(context, cache)
    else say(context, `It is set up anew as soon as a runner has room. See: ${context.program} env cache ${id}`)
    return 0
  },
})
