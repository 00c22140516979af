import type { ProviderChangeJson } from '../api/schemas/provider.ts'
import type { Values } from './command.ts'
import type { CliContext } from './context.ts'
import { usageError } from './errors.ts'
import { numberOf, readSecret } from './flag-values.ts'

const SECOND = 1000

/** The flags that set up a provider, alike for a new one and for a change. An empty value takes away what was there. */
export const PROVIDER_OPTIONS = {
  url: { type: 'string', value: 'URL', help: 'where its API begins, such as https://api.example.com/v1' },
  'key-file': { type: 'string', value: 'FILE|-', help: 'file with its key, or "-" for standard input' },
  'key-header': {
    type: 'string',
    value: 'NAME[:PREFIX]',
    help: "header of the key, where it is not the wire's own: api-key, or authorization:Token",
  },
  internal: { type: 'boolean', help: 'its address may be private, and http://' },
  external: { type: 'boolean', help: 'its address must be public, and https:// (default)' },
  model: { type: 'string', multiple: true, value: 'MODEL', help: 'a model that may be asked for (default: any)' },
  feature: {
    type: 'string',
    multiple: true,
    value: 'FEATURE',
    help: 'a hosted tool that agents may use (default: none)',
  },
  'max-output': { type: 'string', value: 'TOKENS', help: 'most tokens of one answer' },
  concurrency: { type: 'string', value: 'N', help: 'requests at once of one attempt' },
  idle: { type: 'string', value: 'SECONDS', help: 'how long it may be silent' },
  total: { type: 'string', value: 'SECONDS', help: 'how long one answer may take' },
  budget: { type: 'string', value: 'TOKENS', help: 'what an attempt may use, unless its environment says' },
  default: { type: 'boolean', help: 'for environments that name no provider' },
} as const

export type ProviderFlags = Values<typeof PROVIDER_OPTIONS>

/** What the flags say, as the API takes it. The key is read from its file. */
export async function providerFromFlags(flags: ProviderFlags, context: CliContext): Promise<ProviderChangeJson> {
  const number = (flag: 'max-output' | 'concurrency' | 'idle' | 'total' | 'budget', factor = 1) => {
    const text = flags[flag]
    return text === undefined ? undefined : numberOf(flag, text) * factor
  }
  const change = {
    baseUrl: flags.url,
    key: await keyOf(flags['key-file'], context),
    keyHeader: keyHeaderOf(flags['key-header']),
    internal: internalOf(flags),
    models: flags.model?.filter((name) => name !== ''),
    // The server knows the features, and names them to whoever does not.
    features: flags.feature?.filter((name) => name !== '') as ProviderChangeJson['features'],
    maxOutputTokens: number('max-output'),
    concurrency: number('concurrency'),
    idleMs: number('idle', SECOND),
    totalMs: number('total', SECOND),
    budgetTokens: flags.budget === '' ? null : number('budget'),
    isDefault: flags.default,
  }
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
}

async function keyOf(path: string | undefined, context: CliContext): Promise<string | null | undefined> {
  if (path === undefined) return undefined
  return path === '' ? null : readSecret('key-file', path, context)
}

function keyHeaderOf(text: string | undefined): ProviderChangeJson['keyHeader'] {
  if (text === undefined) return undefined
  if (text === '') return null
  const at = text.indexOf(':')
  if (at < 0) return { name: text, prefix: '' }
  return { name: text.slice(0, at), prefix: `${text.slice(at + 1).trim()} ` }
}

function internalOf(flags: ProviderFlags): boolean | undefined {
  if (flags.internal && flags.external) throw usageError('Cannot use --internal together with --external')
  return flags.internal ? true : flags.external ? false : undefined
}
