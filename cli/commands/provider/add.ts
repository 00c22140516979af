import type { NewProviderJson } from '../../../api/schemas/provider.ts'
import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { usageError } from '../../errors.ts'
import { choice } from '../../flag-values.ts'
import { PROVIDER_OPTIONS, providerFromFlags } from '../../provider-flags.ts'

const WIRES = ['responses', 'chat', 'anthropic'] as const satisfies readonly NewProviderJson['wire'][]

export const addProvider = defineCommand({
  name: 'provider add',
  summary: 'Adds a provider of models. Its key is stored encrypted, shown to nobody, and never inside a sandbox.',
  positionals: ['NAME'],
  options: {
    wire: {
      type: 'string',
      value: 'WIRE',
      help: 'its protocol: responses (codex), anthropic (claude) or chat (opencode)',
    },
    ...PROVIDER_OPTIONS,
    ...JSON_OPTION,
  },
  notes: '--wire and --url are needed. The first provider of a wire is its default.',
  examples: [
    'drydock provider add main --wire responses --url https://api.example.com/v1 --key-file key.txt',
    'pass show model-key | drydock provider add claude --wire anthropic --url https://api.example.com --key-file -',
    'drydock provider add local --wire chat --url http://10.0.0.5:8000/v1 --internal --model qwen3-coder',
  ],
  run: async ({ values: { wire: wireText, json, ...flags }, positionals: [name = ''] }, context) => {
    const wire = choice('wire', wireText, WIRES)
    const { baseUrl, ...settings } = await providerFromFlags(flags, context)
    if (wire === undefined || baseUrl === undefined) {
      throw usageError(
        `Cannot run "provider add": --${wire === undefined ? 'wire' : 'url'} is missing. See: drydock provider add --help`,
      )
    }
    const client = await createClient(context)
    const provider = await client.createProvider({ ...settings, name, wire, baseUrl })
    if (json) writeJson(context, provider)
    else {
      say(context, `Provider "${provider.name}" is there${provider.isDefault ? `, the default for "${wire}"` : ''}.`)
    }
    return 0
  },
})
