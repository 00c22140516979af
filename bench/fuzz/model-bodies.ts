import { checkBody, type Endpoint } from '../../sandbox-policy/gateway/model/body/checked-body.ts'
import { Refusal } from '../../sandbox-policy/gateway/model/refusal.ts'
import type { ModelGrant } from '../../sandbox-policy/control.ts'
import type { Random } from './random.ts'
import { must, target } from './target.ts'

const ADDRESS = 'https://out.test/x'
const PNG = 'data:image/png;base64,AAAA'
const ENDPOINTS = ['responses', 'chat', 'messages', 'count_tokens'] as const
const GRANT: Omit<ModelGrant, 'wire'> & { wire: ModelGrant['wire'] } = {
  ...{ wire: 'responses', baseUrl: 'https://model.test/v1', internal: false, models: [], features: [] },
} as unknown as ModelGrant

const TYPES = [
  ...[
    'message',
    'function',
    'text',
    'input_text',
    'input_image',
    'image_url',
    'image',
    'document',
    'tool_result',
    'tool_use',
    'function_call',
  ],
  ...[
    'function_call_output',
    'custom',
    'namespace',
    'reasoning',
    'base64',
    'url',
    'content',
    'input_file',
    'output_text',
    'tool_search_output',
    'local_shell',
  ],
]
const HOSTED = [
  ...[
    'web_search',
    'web_search_preview',
    'web_search_20250305',
    'web_fetch_20250910',
    'mcp',
    'mcp_toolset',
    'code_interpreter',
    'code_execution_20250522',
  ],
  ...[
    'file_search',
    'image_generation',
    'computer_use_preview',
    'computer_20250124',
    'container_upload',
    'item_reference',
    'server_tool_use',
    'shell',
    'Web_Search',
  ],
]
const WORDS = ['x', 'user', 'assistant', 'auto', 'system', 'm', 'ephemeral', 'client', 'image/png', 'AAAA', '', PNG]
const FIELDS = [
  ...[
    'type',
    'role',
    'content',
    'name',
    'text',
    'image_url',
    'source',
    'url',
    'data',
    'media_type',
    'tools',
    'tool_choice',
    'input',
    'output',
    'call_id',
  ],
  ...[
    'id',
    'parameters',
    'input_schema',
    'function',
    'arguments',
    'tool_use_id',
    'cache_control',
    'execution',
    'detail',
    'filename',
    'description',
  ],
]
const ODD_FIELDS = [
  ...[
    'file_id',
    'file_url',
    'file_data',
    'server_url',
    'store',
    'background',
    'previous_response_id',
    'conversation',
    'container',
    'mcp_servers',
    'prompt',
  ],
  ...[
    'web_search_options',
    'search_parameters',
    'plugins',
    '__proto__',
    'constructor',
    'toString',
    'metadata',
    'user',
    'n',
    'max_tokens',
    'include',
    'service_tier',
  ],
]

function makeValue(random: Random, depth: number): unknown {
  if (depth === 0 || random.oneIn(3))
    return random.oneIn(6)
      ? random.pick([null, true, false, 0, 1, -1, 1e9, 1.5, ADDRESS, 'file:///etc/passwd'])
      : random.pick(WORDS)
  if (random.oneIn(3)) return random.list(3, () => makeValue(random, depth - 1))
  return makeObject(random, depth - 1)
}

function makeObject(random: Random, depth: number): Record<string, unknown> {
  const object: Record<string, unknown> = random.oneIn(8) ? {} : { type: random.mostly(TYPES, HOSTED) }
  for (let fields = random.int(4); fields > 0; fields--)
    put(object, random.mostly(FIELDS, ODD_FIELDS), makeValue(random, depth))
  return object
}

/** Puts something that must not pass anywhere in a body that may be good. */
function spoil(random: Random, body: unknown): void {
  const object = random.pick(objectsOf(body))
  if (random.oneIn(3)) put(object, 'type', random.pick(HOSTED))
  else put(object, random.pick(ODD_FIELDS), random.pick([ADDRESS, 'x', true, [{ type: 'mcp', server_url: ADDRESS }]]))
}

function objectsOf(value: unknown): object[] {
  if (typeof value !== 'object' || value === null) return []
  const below = Object.values(value).flatMap(objectsOf)
  return Array.isArray(value) ? below : [value, ...below]
}

function put(object: object, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
}

const image = (random: Random) => ({
  type: 'image_url',
  image_url: {
    url: random.mostly([PNG], [ADDRESS, 'data:image/svg+xml;base64,AAAA', ' data:image/png;base64,AAAA', '//out.test']),
  },
})
const LIKELY: Record<Endpoint, readonly ((random: Random) => unknown)[]> = {
  responses: [
    () => ({ role: 'user', content: 'x' }),
    (random) => ({
      type: 'message',
      role: 'user',
      content: [{ type: 'input_image', image_url: image(random).image_url.url }],
    }),
    (random) => ({ type: 'function_call_output', call_id: 'c', output: [makeObject(random, 2)] }),
    (random) => ({ type: 'additional_tools', tools: [makeObject(random, 2)] }),
  ],
  chat: [
    () => ({ role: 'user', content: 'x' }),
    (random) => ({ role: 'user', content: [image(random)] }),
    (random) => ({ role: 'tool', tool_call_id: 'c', content: [makeObject(random, 2)] }),
  ],
  messages: [
    () => ({ role: 'user', content: 'x' }),
    (random) => ({
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: 't', content: [makeObject(random, 2)] }],
    }),
    (random) => ({ role: 'user', content: [{ type: 'document', source: makeObject(random, 2) }] }),
  ],
  count_tokens: [
    () => ({ role: 'user', content: 'x' }),
    (random) => ({ role: 'user', content: [makeObject(random, 3)] }),
  ],
}

function makeBody(random: Random): { endpoint: Endpoint; bytes: Buffer } {
  const endpoint = random.pick(ENDPOINTS)
  const body: Record<string, unknown> = { model: 'm' }
  const items = random.list(3, () => (random.oneIn(3) ? makeObject(random, 3) : random.pick(LIKELY[endpoint])(random)))
  put(body, endpoint === 'responses' ? 'input' : 'messages', items)
  if (endpoint === 'messages') put(body, 'max_tokens', 16)
  if (random.oneIn(3))
    put(
      body,
      'tools',
      random.list(2, () => makeObject(random, 2)),
    )
  if (random.oneIn(3)) put(body, random.mostly(FIELDS, ODD_FIELDS), makeValue(random, 2))
  if (random.oneIn(2)) spoil(random, body)
  const bytes = Buffer.from(random.oneIn(200) ? '['.repeat(2000) : JSON.stringify(body))
  return { endpoint, bytes: random.oneIn(8) ? random.mutate(bytes) : bytes }
}

export const modelBodies = target<{ endpoint: Endpoint; bytes: Buffer }>({
  name: 'model bodies',
  weight: 6,
  leastAccepted: 0.06,
  make: makeBody,
  check({ endpoint, bytes }) {
    let sent: Buffer
    try {
      const checked = checkBody(endpoint, bytes, GRANT)
      must(
        Number.isSafeInteger(checked.inputEstimate) && checked.inputEstimate > 0,
        `the estimate ${checked.inputEstimate}`,
      )
      sent = checked.withOutput(1)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      must(error.message.length < 1000, 'a refusal without bounds')
      return 'refused'
    }
    must(sent.length <= bytes.length * 6 + 200, `${bytes.length} bytes became ${sent.length}`)
    const found = sideDoors(JSON.parse(sent.toString('utf8')), '')
    must(found.length === 0, `the provider is sent ${found.join(', ')}`)
    return 'accepted'
  },
})

/** Below these is data for the model, or for the agent's own tools: nobody acts on it. */
const DATA =
  /^(?:parameters|input_schema|output_schema|schema|arguments|input_examples|action|operation|reasoning_details|logit_bias|text|description|instructions)$/
const DOORS =
  /^(?:file_id|server_url|mcp_servers|previous_response_id|conversation|container|prompt|web_search_options|search_parameters|plugins|include)$/
const HOSTED_TYPE =
  /^(?:web_|mcp|code_|file_search|image_generation|computer|container|item_reference|server_tool_use|bash_code|text_editor_code|url$|file$|auto$)/i

/** What a provider would act on by itself (R12). */
export function sideDoors(value: unknown, at: string): string[] {
  if (Array.isArray(value)) return value.flatMap((each) => sideDoors(each, at))
  if (typeof value !== 'object' || value === null) return []
  const isCall =
    'type' in value &&
    (value.type === 'tool_use' || value.type === 'custom_tool_call' || value.type === 'shell_call_output')
  return Object.entries(value).flatMap(([key, each]: [string, unknown]) => {
    const here = `${at}.${key}`
    if (DATA.test(key) || (isCall && (key === 'input' || key === 'output'))) return []
    if (key === 'type' && typeof each === 'string' && HOSTED_TYPE.test(each)) return [`${here}=${each}`]
    if ((key === 'store' || key === 'background') && each === true) return [here]
    if (DOORS.test(key) && each !== null && JSON.stringify(each) !== '[]') return [here]
    if (/url$|^file_data$/.test(key) && typeof each === 'string' && !each.startsWith('data:'))
      return [`${here}=${each}`]
    return sideDoors(each, here)
  })
}
