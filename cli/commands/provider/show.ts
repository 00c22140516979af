import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { styleOf, writeJson } from '../../context.ts'
import { renderProvider } from '../../render-provider.ts'

export const showProvider = defineCommand({
  name: 'provider show',
  summary: 'Shows a provider of models; its key stays where it is.',
  positionals: ['NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock provider show main', 'drydock provider show main --json'],
  run: async ({ values, positionals: [name = ''] }, context) => {
    const provider = await (await createClient(context)).readProvider(name)
    if (values.json) writeJson(context, provider)
    else context.out.write(`${renderProvider(provider, styleOf(context, context.out))}\n`)
    return 0
  },
})
