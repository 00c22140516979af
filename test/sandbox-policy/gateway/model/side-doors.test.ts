import { describe, expect, test } from 'vitest'
import type { ModelFeature, Wire } from '../../../../sandbox-policy/control.ts'
import { TARGET, createModelWorld, plainBody } from './support/model-world.ts'

type Door = { wire: Wire; what: string; body: Record<string, unknown>; feature?: ModelFeature }

const URL_ = 'https://evil.test/x'
const item = (...items: unknown[]) => plainBody('responses', { input: items })
const userParts = (...content: unknown[]) => item({ role: 'user', content })
const tools = (wire: Wire, ...list: unknown[]) => plainBody(wire, { tools: list })
const blocks = (...content: unknown[]) => plainBody('anthropic', { messages: [{ role: 'user', content }] })
const parts = (...content: unknown[]) => plainBody('chat', { messages: [{ role: 'user', content }] })
/** A schema whose one property is described elsewhere. */
const outward = { type: 'object', properties: { a: { $ref: `${URL_}.json#/a` } } }
const namespace = (...list: unknown[]) => ({ type: 'namespace', name: 'n', description: '', tools: list })

const responses: Omit<Door, 'wire'>[] = [
  {
    what: 'a reference out of a schema',
    body: tools('responses', { type: 'function', name: 'f', parameters: outward }),
    feature: 'url-input',
  },
  { what: 'web search', body: tools('responses', { type: 'web_search' }), feature: 'web-search' },
  {
    what: 'web search preview',
    body: tools('responses', { type: 'web_search_preview_2025_03_11' }),
    feature: 'web-search',
  },
  {
    what: 'web search without access',
    body: tools('responses', { type: 'web_search', external_web_access: false }),
    feature: 'web-search',
  },
  { what: 'mcp', body: tools('responses', { type: 'mcp', server_label: 'x', server_url: URL_ }), feature: 'mcp' },
  {
    what: 'code interpreter',
    body: tools('responses', { type: 'code_interpreter', container: { type: 'auto' } }),
    feature: 'code-interpreter',
  },
  {
    what: 'file search',
    body: tools('responses', { type: 'file_search', vector_store_ids: ['v'] }),
    feature: 'file-search',
  },
  { what: 'computer use', body: tools('responses', { type: 'computer_use_preview' }), feature: 'computer-use' },
  { what: 'computer', body: tools('responses', { type: 'computer' }), feature: 'computer-use' },
  { what: 'image generation', body: tools('responses', { type: 'image_generation' }), feature: 'image-generation' },
  {
    what: 'a tool in a namespace',
    body: tools('responses', namespace(namespace({ type: 'web_search' }))),
    feature: 'web-search',
  },
  {
    what: 'a tool in additional_tools',
    body: item({ type: 'additional_tools', role: 'developer', tools: [namespace({ type: 'mcp', server_url: URL_ })] }),
    feature: 'mcp',
  },
  {
    what: 'a tool in tool_search_output',
    body: item({ type: 'tool_search_output', execution: 'client', call_id: 'c', tools: [{ type: 'web_search' }] }),
    feature: 'web-search',
  },
  { what: 'a hosted shell', body: tools('responses', { type: 'shell', environment: { type: 'container_auto' } }) },
  { what: 'a shell by default', body: tools('responses', { type: 'shell' }) },
  { what: 'a tool of no known type', body: tools('responses', { type: 'browse' }) },
  {
    what: 'tool choice',
    body: plainBody('responses', { tool_choice: { type: 'web_search_preview' } }),
    feature: 'web-search',
  },
  { what: 'image by address', body: userParts({ type: 'input_image', image_url: URL_ }), feature: 'url-input' },
  {
    what: 'image by address in a tool’s output',
    body: item({ type: 'function_call_output', call_id: 'c', output: [{ type: 'input_image', image_url: URL_ }] }),
    feature: 'url-input',
  },
  { what: 'image by file address', body: userParts({ type: 'input_image', image_url: 'file:///etc/passwd' }) },
  { what: 'image by id', body: userParts({ type: 'input_image', file_id: 'file-1' }) },
  { what: 'file by address', body: userParts({ type: 'input_file', file_url: URL_ }), feature: 'url-input' },
  { what: 'file by id', body: userParts({ type: 'input_file', file_id: 'file-1' }) },
  { what: 'svg', body: userParts({ type: 'input_image', image_url: 'data:image/svg+xml;base64,PHN2Zz4=' }) },
  { what: 'background', body: plainBody('responses', { background: true }), feature: 'background' },
  { what: 'store', body: plainBody('responses', { store: true }), feature: 'store' },
  {
    what: 'previous response',
    body: plainBody('responses', { previous_response_id: 'resp_1' }),
    feature: 'previous-response',
  },
  { what: 'conversation', body: plainBody('responses', { conversation: 'conv_1' }), feature: 'previous-response' },
  { what: 'item reference', body: item({ type: 'item_reference', id: 'i' }), feature: 'previous-response' },
  { what: 'item reference without type', body: item({ id: 'i' }) },
  { what: 'prompt template', body: plainBody('responses', { prompt: { id: 'pmpt_1' } }) },
  { what: 'include of hosted results', body: plainBody('responses', { include: ['file_search_call.results'] }) },
  { what: 'priority tier', body: plainBody('responses', { service_tier: 'priority' }) },
  { what: 'unknown field', body: plainBody('responses', { wondrous: 1 }) },
  {
    what: '__proto__',
    body: JSON.parse('{"model":"m","input":"x","__proto__":{"background":true}}') as Record<string, unknown>,
  },
  { what: 'constructor', body: plainBody('responses', { constructor: {} }) },
]

const chat: Omit<Door, 'wire'>[] = [
  {
    what: 'a reference out of the schema of an answer',
    body: plainBody('chat', { response_format: { type: 'json_schema', json_schema: { schema: outward } } }),
    feature: 'url-input',
  },
  { what: 'web search options', body: plainBody('chat', { web_search_options: {} }), feature: 'web-search' },
  { what: 'live search', body: plainBody('chat', { search_parameters: { mode: 'on' } }), feature: 'web-search' },
  { what: 'web search tool', body: tools('chat', { type: 'web_search' }), feature: 'web-search' },
  { what: 'mcp tool', body: tools('chat', { type: 'mcp', server_url: URL_ }), feature: 'mcp' },
  { what: 'code interpreter', body: tools('chat', { type: 'code_interpreter' }), feature: 'code-interpreter' },
  { what: 'file search', body: tools('chat', { type: 'file_search' }), feature: 'file-search' },
  { what: 'computer', body: tools('chat', { type: 'computer_use_preview' }), feature: 'computer-use' },
  { what: 'plugins', body: plainBody('chat', { plugins: [{ id: 'web' }] }) },
  { what: 'fallback models', body: plainBody('chat', { models: ['other'] }) },
  { what: 'a model that searches', body: { ...plainBody('chat'), model: 'maker/m:online' }, feature: 'web-search' },
  { what: 'image by address', body: parts({ type: 'image_url', image_url: { url: URL_ } }), feature: 'url-input' },
  { what: 'image by bare address', body: parts({ type: 'image_url', image_url: URL_ }), feature: 'url-input' },
  { what: 'image by plain http', body: parts({ type: 'image_url', image_url: { url: 'http://169.254.169.254/' } }) },
  {
    what: 'image in a tool’s answer',
    body: plainBody('chat', {
      messages: [{ role: 'tool', tool_call_id: 'c', content: [{ type: 'image_url', image_url: { url: URL_ } }] }],
    }),
    feature: 'url-input',
  },
  { what: 'video', body: parts({ type: 'video_url', video_url: { url: URL_ } }) },
  { what: 'file by id', body: parts({ type: 'file', file: { file_id: 'f' } }) },
  { what: 'file by address', body: parts({ type: 'file', file: { file_data: URL_ } }), feature: 'url-input' },
  { what: 'sound by id', body: plainBody('chat', { messages: [{ role: 'assistant', audio: { id: 'a' } }] }) },
  { what: 'store', body: plainBody('chat', { store: true }), feature: 'store' },
  { what: 'unknown field', body: plainBody('chat', { wondrous: 1 }) },
]

const anthropic: Omit<Door, 'wire'>[] = [
  {
    what: 'a reference out of a schema',
    body: tools('anthropic', { name: 'f', input_schema: { ...outward, $dynamicRef: '#x' } }),
    feature: 'url-input',
  },
  {
    what: 'web search',
    body: tools('anthropic', { type: 'web_search_20250305', name: 'web_search' }),
    feature: 'web-search',
  },
  {
    what: 'web fetch',
    body: tools('anthropic', { type: 'web_fetch_20250910', name: 'web_fetch' }),
    feature: 'web-fetch',
  },
  {
    what: 'code execution',
    body: tools('anthropic', { type: 'code_execution_20250825', name: 'code_execution' }),
    feature: 'code-interpreter',
  },
  {
    what: 'computer use',
    body: tools('anthropic', { type: 'computer_20250124', name: 'computer' }),
    feature: 'computer-use',
  },
  {
    what: 'mcp servers',
    body: plainBody('anthropic', { mcp_servers: [{ type: 'url', url: URL_, name: 'x' }] }),
    feature: 'mcp',
  },
  { what: 'mcp toolset', body: tools('anthropic', { type: 'mcp_toolset', mcp_server_name: 'x' }), feature: 'mcp' },
  { what: 'container', body: plainBody('anthropic', { container: 'c' }), feature: 'code-interpreter' },
  { what: 'a tool of no known type', body: tools('anthropic', { type: 'advisor_20260101', name: 'a' }) },
  {
    what: 'calls from code execution',
    body: tools('anthropic', { name: 't', input_schema: {}, allowed_callers: ['code_execution_20250825'] }),
  },
  {
    what: 'image by address',
    body: blocks({ type: 'image', source: { type: 'url', url: URL_ } }),
    feature: 'url-input',
  },
  { what: 'image by id', body: blocks({ type: 'image', source: { type: 'file', file_id: 'f' } }) },
  {
    what: 'document by address',
    body: blocks({ type: 'document', source: { type: 'url', url: URL_ } }),
    feature: 'url-input',
  },
  { what: 'document by id', body: blocks({ type: 'document', source: { type: 'file', file_id: 'f' } }) },
  {
    what: 'image in a tool’s result',
    body: blocks({
      type: 'tool_result',
      tool_use_id: 't',
      content: [{ type: 'image', source: { type: 'url', url: URL_ } }],
    }),
    feature: 'url-input',
  },
  {
    what: 'image in a document',
    body: blocks({
      type: 'document',
      source: { type: 'content', content: [{ type: 'image', source: { type: 'url', url: URL_ } }] },
    }),
    feature: 'url-input',
  },
  {
    what: 'upload to a container',
    body: blocks({ type: 'container_upload', file_id: 'f' }),
    feature: 'code-interpreter',
  },
  {
    what: 'a server’s tool use',
    body: blocks({ type: 'server_tool_use', id: 's', name: 'web_search', input: {} }),
    feature: 'web-search',
  },
  { what: 'unknown field', body: plainBody('anthropic', { wondrous: 1 }) },
]

const with_ = (wire: Wire, doors: Omit<Door, 'wire'>[]): Door[] => doors.map((door) => ({ wire, ...door }))
const DOORS = [...with_('responses', responses), ...with_('chat', chat), ...with_('anthropic', anthropic)]

describe('side doors of the model', () => {
  test.each(DOORS)('$wire: $what is refused, and the provider sees nothing', async ({ wire, body, feature }) => {
    await using world = await createModelWorld(wire)
    const refused = await world.ask(TARGET[wire], body)
    expect(refused.status).toBe(403)
    expect(refused.headers['x-drydock-denied']).toBe('body')
    expect(JSON.parse(refused.text)).toMatchObject({ error: { message: expect.stringContaining('Drydock') } })
    expect(world.dialled).toEqual([])
    expect(world.seen).toEqual([])
    expect(world.session.records).toMatchObject([
      { verdict: 'deny', rule: 'model', end: { reason: 'body', status: 403 } },
    ])
    if (feature === undefined) return
    // The control: the same body passes where an administrator has opened just that feature.
    if (world.session.model) world.session.model = { ...world.session.model, features: [feature] }
    const passed = await world.ask(TARGET[wire], body)
    expect(passed.status).toBe(200)
    expect(world.seen).toHaveLength(1)
  })

  test('token counting has the same doors shut', async () => {
    await using world = await createModelWorld('anthropic')
    const { status } = await world.ask('/v1/messages/count_tokens', {
      model: 'm',
      messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url: URL_ } }] }],
    })
    expect([status, world.seen]).toEqual([403, []])
    const plain = await world.ask('/v1/messages/count_tokens?beta=true', { model: 'm', messages: [] })
    expect([plain.status, world.seen.map(({ path }) => path)]).toEqual([200, ['/v1/messages/count_tokens']])
  })

  test.each<[string, Buffer | string, number]>([
    ['broken JSON', '{"model":', 400],
    ['a list', '[]', 400],
    ['invalid UTF-8', Buffer.from([...Buffer.from('{"model":"'), 0xff, ...Buffer.from('","input":"x"}')]), 400],
    ['a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, ...Buffer.from('{"model":"m","input":"x"}')]), 400],
    ['depth', `{"model":"m","input":${'['.repeat(5000)}${']'.repeat(5000)}}`, 400],
    ['many values', `{"model":"m","input":[${'0,'.repeat(600_000)}0]}`, 400],
    ['nothing', '', 400],
  ])('%s is malformed', async (_what, raw, expected) => {
    await using world = await createModelWorld('responses')
    const { status, headers } = await world.ask('/v1/responses', undefined, { raw, method: 'POST' })
    expect([status, headers['x-drydock-denied'], world.seen]).toEqual([expected, 'malformed', []])
  })

  test('of duplicate keys the provider gets the one that was checked', async () => {
    await using world = await createModelWorld('responses')
    await world.ask('/v1/responses', undefined, {
      raw: '{"model":"m","background":true,"input":"x","store":true,"store":false,"background":false}',
    })
    expect(world.seen.map(({ raw }) => raw)).toEqual([
      '{"model":"m","background":false,"input":"x","store":false,"max_output_tokens":32000}',
    ])
  })

  test('a body that is too large is refused before it is read, and while it is', async () => {
    await using world = await createModelWorld('responses')
    const raw = Buffer.alloc(33 * 1024 * 1024, 0x20)
    const declared = await world.ask('/v1/responses', undefined, { raw }).catch(() => ({ status: 413 }))
    expect([declared.status, world.seen]).toEqual([413, []])
    await world.session.recorded(1)
    expect(world.session.records[0]?.end).toMatchObject({ reason: 'body', status: 413 })
  })

  test('30 MiB of text pass', async () => {
    await using world = await createModelWorld('responses')
    const { status } = await world.ask('/v1/responses', plainBody('responses', { input: 'a'.repeat(30 * 1024 * 1024) }))
    expect([status, world.seen[0]?.raw.length]).toEqual([200, 30 * 1024 * 1024 + 64])
  })

  test.each([
    ['content-encoding', { 'content-encoding': 'gzip' }],
    ['another content-type', { 'content-type': 'text/plain' }],
    ['a content-type that only begins so', { 'content-type': 'application/jsonx' }],
  ])('%s is refused', async (_what, headers) => {
    await using world = await createModelWorld('responses')
    const { status } = await world.ask('/v1/responses', plainBody('responses'), { headers })
    expect([status, world.seen]).toEqual([415, []])
  })
})
