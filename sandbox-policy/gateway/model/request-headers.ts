import type { ModelFeature, ModelGrant } from '../../control.ts'
import { keyHeader } from './provider.ts'

/** Betas of Anthropic's wire that change how an answer is made, not what the provider does on the way. */
const HARMLESS_BETAS = [
  'claude-code',
  'interleaved-thinking',
  'adaptive-thinking',
  'redact-thinking',
  'thinking-token-count',
  'context-1m',
  'context-management',
  'compact',
  'prompt-caching',
  'prompt-caching-scope',
  'extended-cache-ttl',
  'mid-conversation-system',
  'effort',
  'fine-grained-tool-streaming',
  'token-efficient-tools',
  'structured-outputs',
  'output-128k',
  'tool-examples',
  'token-counting',
  'pdfs',
]
const BETAS_OF_FEATURES: Readonly<Record<string, ModelFeature>> = {
  'web-search': 'web-search',
  'web-fetch': 'web-fetch',
  'mcp-client': 'mcp',
  'code-execution': 'code-interpreter',
  'computer-use': 'computer-use',
}
const BETA = /^([a-z0-9-]+?)-(\d{4}-\d{2}-\d{2}|\d{8})$/
const VERSION = /^\d{4}-\d{2}-\d{2}$/

/** The headers that the provider gets: made here, none of the client's but two that are checked. */
export function requestHeaders(
  given: ReadonlyMap<string, string>,
  grant: ModelGrant,
  { stream }: { stream: boolean },
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream' : 'application/json',
    // An encoded answer could not be searched for the key (R16).
    'accept-encoding': 'identity',
    'user-agent': 'drydock',
    connection: 'close',
  }
  if (grant.wire === 'anthropic') {
    const version = given.get('anthropic-version') ?? ''
    headers['anthropic-version'] = VERSION.test(version) ? version : '2023-06-01'
    const betas = allowedBetas(given.get('anthropic-beta') ?? '', grant.features)
    if (betas.length > 0) headers['anthropic-beta'] = betas.join(',')
  }
  const [name, value] = keyHeader(grant) ?? []
  if (name !== undefined && value !== undefined) headers[name] = value
  return headers
}

/** The others are left out, not refused: clients send lists of what they could use. */
function allowedBetas(list: string, features: readonly ModelFeature[]): string[] {
  const betas = list
    .slice(0, 4096)
    .split(',')
    .map((each) => each.trim())
  return betas.filter((beta) => {
    const name = BETA.exec(beta)?.[1] ?? ''
    const needed = Object.hasOwn(BETAS_OF_FEATURES, name) ? BETAS_OF_FEATURES[name] : undefined
    return HARMLESS_BETAS.includes(name) || (needed !== undefined && features.includes(needed))
  })
}
