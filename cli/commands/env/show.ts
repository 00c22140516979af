import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { styleOf, writeJson } from '../../context.ts'
import { renderEnvironment } from '../../render-environment.ts'

export const showEnvironment = defineCommand({
  name: 'env show',
  summary: 'Shows an environment with its scripts and its policy.',
  positionals: ['ID|NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock env show shop', 'drydock env show shop --json'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const environment = await (await createClient(context)).readEnvironment(id)
    if (values.json) writeJson(context, environment)
    else context.out.write(`${renderEnvironment(environment, styleOf(context, context.out))}\n`)
    return 0
  },
})
