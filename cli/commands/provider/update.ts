import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { assertNamesChange } from '../../errors.ts'
import { PROVIDER_OPTIONS, providerFromFlags } from '../../provider-flags.ts'

export const updateProvider = defineCommand({
  name: 'provider update',
  summary: 'Changes a provider of models; what is not named stays.',
  positionals: ['NAME'],
  options: {
    rename: { type: 'string', value: 'NAME', help: 'another name, while no environment names it' },
    ...PROVIDER_OPTIONS,
    ...JSON_OPTION,
  },
  notes: [
    'An empty value takes away what was there: --key-file "", --model "", --feature "", --budget ""',
    'Where --url leads to another server, the key is given again or taken away.',
  ].join('\n'),
  examples: [
    'drydock provider update main --key-file new-key.txt',
    'drydock provider update main --model gpt-5.5 --model gpt-5.5-mini --default',
  ],
  run: async ({ values: { rename, json, ...flags }, positionals: [id = ''] }, context) => {
    const change = { ...(await providerFromFlags(flags, context)), ...(rename !== undefined && { name: rename }) }
    assertNamesChange('provider update', change)
    const provider = await (await createClient(context)).updateProvider(id, change)
    if (json) writeJson(context, provider)
    else say(context, `Provider "${provider.name}" is changed. Attempts that run keep what they were given.`)
    return 0
  },
})
