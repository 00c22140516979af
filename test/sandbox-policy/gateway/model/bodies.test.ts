import fc from 'fast-check'
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkBody, type Endpoint } from '../../../../sandbox-policy/gateway/model/body/checked-body.ts'
import { hostedFeature } from '../../../../sandbox-policy/gateway/model/body/hosted.ts'
import { Refusal } from '../../../../sandbox-policy/gateway/model/refusal.ts'
import { grantOf } from './support/model-world.ts'

const WIRE = { responses: 'responses', chat: 'chat', messages: 'anthropic', count_tokens: 'anthropic' } as const
const check = (endpoint: Endpoint, body: unknown) =>
  checkBody(endpoint, Buffer.from(JSON.stringify(body)), grantOf(WIRE[endpoint]))

describe('checkBody()', () => {
  // Captured from codex 0.169.0, claude-code 2.1.197 and opencode 1.18.33; texts and schemas shortened.
  test.each<[string, Endpoint, string[]]>([
    ['codex', 'responses', ['client_metadata']],
    ['codex-code-mode', 'responses', ['client_metadata']],
    ['claude', 'messages', []],
    ['opencode', 'chat', []],
  ])('passes what %s sends, nothing lost but what is of no use', (name, endpoint, lost) => {
    const file = new URL(`bodies/${name}.json`, import.meta.url)
    const body = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
    const sent = JSON.parse(check(endpoint, body).withOutput(1).toString()) as Record<string, unknown>
    for (const field of lost) delete body[field]
    for (const field of ['max_output_tokens', 'max_tokens', 'thinking']) {
      delete body[field]
      delete sent[field]
    }
    expect(sent).toEqual(body)
  })

  test('passes a schema whose references stay inside of it, whatever dialect it names', () => {
    const parameters = {
      $schema: 'http://json-schema.org/draft-07/schema#',
      $defs: { a: { type: 'string' } },
      properties: { a: { $ref: '#/$defs/a' }, $ref: { type: 'string' } },
    }
    const body = { model: 'm', input: 'x', tools: [{ type: 'function', name: 'f', parameters }] }
    expect(JSON.parse(check('responses', body).withOutput(1).toString())).toMatchObject(body)
  })

  test('estimates no less than the densest text needs, and prose at about twice its tokens', () => {
    const estimate = (input: string) => check('responses', { model: 'm', input }).inputEstimate
    const plain = estimate('')
    // One token a character is the most that digits, punctuation and base64 come to.
    expect(estimate('7?K'.repeat(1000)) - plain).toBe(3000)
    // One token a byte, for scripts that a tokenizer knows nothing of.
    expect(estimate('ꙮ'.repeat(100)) - plain).toBe(300)
    expect(estimate('a word of prose '.repeat(100)) - plain).toBe(800)
  })

  test('counts a picture by piece, a document by what it may hold, whatever their base64 weighs', () => {
    const image = (data: string) =>
      check('responses', {
        model: 'm',
        input: [{ role: 'user', content: [{ type: 'input_image', image_url: `data:image/png;base64,${data}` }] }],
      }).inputEstimate
    expect(image('A'.repeat(400_000))).toBe(image('a'.repeat(4)))
    expect(image('abcd')).toBeGreaterThan(16_384)
    const source = { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0=' }
    const pdf = { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: [{ type: 'document', source }] }] }
    expect(check('messages', pdf).inputEstimate).toBeGreaterThan(200_000)
  })

  test('whatever passes brings no hosted tool and no address to fetch', () => {
    let passed = 0
    fc.assert(
      fc.property(hostile, ({ endpoint, body }) => {
        let sent: Buffer
        try {
          sent = check(endpoint, body).withOutput(1)
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal)
          return
        }
        passed += 1
        expect(dangers(JSON.parse(sent.toString()))).toEqual([])
      }),
      { numRuns: 4000 },
    )
    expect(passed).toBeGreaterThan(50)
  })

  test('dangers() sees what the property looks for', () => {
    expect(dangers({ tools: [{ type: 'namespace', tools: [{ type: 'web_search' }] }] })).toEqual(['web_search'])
    expect(dangers({ input: [{ content: [{ image_url: 'https://evil.test' }] }], store: true })).toEqual([
      'https://evil.test',
      'store',
    ])
  })
})

/** Fields whose content is data for the model: nobody acts on it. */
const DATA = new Set([
  'parameters',
  'input_schema',
  'schema',
  'arguments',
  'text',
  'output_schema',
  'input_examples',
  'logit_bias',
  'reasoning_details',
  'action',
  'operation',
  'description',
  'instructions',
])

function dangers(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(dangers)
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, each]: [string, unknown]) => {
    if (DATA.has(name)) return []
    if (name === 'input' && value !== null && 'type' in value) return []
    if (name === 'type' && typeof each === 'string' && hostedFeature(each) !== undefined) return [each]
    if ((name === 'store' || name === 'background') && each === true) return [name]
    if (
      /^(?:file_id|container|mcp_servers|previous_response_id|conversation|prompt|web_search_options)$/.test(name) &&
      each !== null
    )
      return [name]
    if (/url$|^file_data$/.test(name) && typeof each === 'string' && !/^data:(?:image\/png|text\/plain);/.test(each))
      return [each]
    return dangers(each)
  })
}

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`bodies/${name}.json`, import.meta.url), 'utf8')) as Record<string, unknown>
const SEEDS: readonly (readonly [Endpoint, Record<string, unknown>])[] = [
  ['responses', read('codex')],
  ['responses', read('codex-code-mode')],
  ['messages', read('claude')],
  ['chat', read('opencode')],
  [
    'responses',
    {
      model: 'm',
      input: [{ role: 'user', content: [{ type: 'input_file', file_data: 'data:text/plain;base64,AAAA' }] }],
    },
  ],
  [
    'chat',
    {
      model: 'm',
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] }],
    },
  ],
  [
    'count_tokens',
    {
      model: 'm',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'x' }] } },
            {
              type: 'tool_result',
              tool_use_id: 't',
              content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }],
            },
          ],
        },
      ],
    },
  ],
]

const ADDRESS = 'https://evil.test/x'
const FRAGMENTS: readonly unknown[] = [
  null,
  true,
  ADDRESS,
  'file:///etc/passwd',
  'data:image/png;base64,AAAA',
  [],
  {},
  { type: 'web_search' },
  { type: 'web_search_20250305', name: 'web_search' },
  { type: 'mcp', server_url: ADDRESS },
  { type: 'namespace', name: 'n', description: '', tools: [{ type: 'code_interpreter' }] },
  { type: 'additional_tools', tools: [{ type: 'file_search' }] },
  { type: 'tool_search_output', execution: 'client', tools: [{ type: 'image_generation' }] },
  { type: 'function', name: 'f', parameters: { type: 'web_search' } },
  { type: 'function', function: { name: 'f', parameters: { file_id: 'x' } } },
  { type: 'input_text', text: ADDRESS },
  { type: 'text', text: ADDRESS },
  { type: 'input_image', image_url: ADDRESS },
  { type: 'input_image', file_id: 'file-1' },
  { type: 'image_url', image_url: { url: ADDRESS } },
  { type: 'image_url', image_url: ADDRESS },
  { type: 'image', source: { type: 'url', url: ADDRESS } },
  { type: 'document', source: { type: 'file', file_id: 'file-1' } },
  { type: 'url', url: ADDRESS },
  { url: ADDRESS },
  { type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image', image_url: ADDRESS }] },
  { type: 'item_reference', id: 'i' },
  { id: 'i' },
  { type: 'computer_call_output', call_id: 'c', output: { type: 'computer_screenshot', image_url: ADDRESS } },
  { type: 'server_tool_use', id: 's', name: 'web_fetch', input: {} },
  { role: 'user', content: 'x' },
  { role: 'assistant', content: [{ type: 'output_text', text: 'x', annotations: [{ url: ADDRESS }] }] },
]
const NAMES = [
  'type',
  'store',
  'background',
  'tools',
  'tool_choice',
  'content',
  'image_url',
  'file_id',
  'file_url',
  'url',
  'source',
  'input',
  'output',
  'container',
  'mcp_servers',
  'prompt',
  'conversation',
  'previous_response_id',
  'parameters',
  'text',
  'detail',
  '__proto__',
]

/** A real body with something put in, or something replaced, at a place of it, once or more often. */
const hostile = fc
  .record({
    seed: fc.constantFrom(...SEEDS),
    changes: fc.array(
      fc.record({
        place: fc.nat(2000),
        fragment: fc.constantFrom(...FRAGMENTS),
        name: fc.constantFrom(...NAMES),
        replace: fc.boolean(),
      }),
      { minLength: 1, maxLength: 3 },
    ),
  })
  .map(({ seed: [endpoint, seed], changes }) => {
    const body = structuredClone(seed)
    for (const { place, fragment, name, replace } of changes) {
      const places = containers(body)
      const at = places[place % places.length]
      const put = structuredClone(fragment)
      if (Array.isArray(at)) at.splice(place % (at.length + 1), replace ? 1 : 0, put)
      else if (at !== undefined) {
        const key = replace ? (Object.keys(at)[place % Math.max(1, Object.keys(at).length)] ?? name) : name
        Object.defineProperty(at, key, { value: put, enumerable: true, configurable: true, writable: true })
      }
    }
    return { endpoint, body }
  })

function containers(value: unknown): (unknown[] | Record<string, unknown>)[] {
  if (typeof value !== 'object' || value === null) return []
  const self = value as unknown[] | Record<string, unknown>
  return [self, ...Object.values(value).flatMap(containers)]
}
