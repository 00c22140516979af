import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { styleOf, writeJson } from '../../context.ts'
import { renderCache } from '../../render-cache.ts'

export const showCache = defineCommand({
  name: 'env cache',
  summary: 'Shows what set-up has left to start from, and how the last build went.',
  positionals: ['ID|NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock env cache shop'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const cache = await (await createClient(context)).readCache(id)
    if (values.json) writeJson(context, cache)
    else context.out.write(`${renderCache(cache, styleOf(context, context.out), context.out.columns)}\n`)
    return 0
  },
})
