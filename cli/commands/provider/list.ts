import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine, table } from '../../terminal.ts'

export const listProviders = defineCommand({
  name: 'provider list',
  summary: 'Lists the providers of models.',
  positionals: [],
  options: { ...JSON_OPTION },
  examples: ['drydock provider list', 'drydock provider list --json'],
  run: async ({ values }, context) => {
    const found = await (await createClient(context)).listProviders()
    if (values.json) writeJson(context, found)
    else if (found.data.length === 0)
      say(context, `There are no providers. Add one with: ${context.program} provider add`)
    else {
      const rows = found.data.map(({ name, wire, isDefault, hasKey, internal, baseUrl }) => [
        neutraliseLine(name),
        wire,
        isDefault ? 'default' : '',
        hasKey ? 'key' : 'no key',
        internal ? 'internal' : '',
        neutraliseLine(baseUrl),
      ])
      context.out.write(`${table([['NAME', 'WIRE', '', 'KEY', '', 'URL'], ...rows], context.out.columns)}\n`)
    }
    return 0
  },
})
