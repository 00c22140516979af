import { describe, expect, test } from 'vitest'
import { DialError } from '../../../../sandbox-policy/gateway/upstream/dialer.ts'
import { KEY, TARGET, createModelWorld, plainBody } from './support/model-world.ts'

const ask = (world: Awaited<ReturnType<typeof createModelWorld>>) => world.ask('/v1/responses', plainBody('responses'))

describe('createModelRoute() answers', () => {
  test('the key reaches the provider in place of the client’s, and nothing else of the client does', async () => {
    await using world = await createModelWorld('responses')
    const headers = {
      authorization: 'Bearer mine',
      'x-api-key': 'mine',
      cookie: 'a=b',
      'x-forwarded-for': '1.2.3.4',
      'openai-organization': 'org-other',
    }
    const { status } = await world.ask('/v1/responses', plainBody('responses'), { headers })
    expect(status).toBe(200)
    expect(world.seen[0]).toMatchObject({ path: '/v1/responses', method: 'POST' })
    expect(world.seen[0]?.headers).toEqual({
      host: 'provider.test',
      'content-type': 'application/json',
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'drydock',
      connection: 'close',
      authorization: `Bearer ${KEY}`,
      'content-length': '69',
    })
    expect(world.dialled).toEqual([{ kind: 'tls', name: 'provider.test', port: 443 }])
    expect(await world.session.recorded(1)).toMatchObject([
      {
        layer: 'http',
        host: 'provider.test',
        port: 443,
        address: '203.0.113.7',
        method: 'POST',
        path: '/v1/responses',
        rule: 'model',
        verdict: 'allow',
        end: { status: 200, bytesUp: 69, reason: null },
      },
    ])
  })

  test('Anthropic’s headers: key, version, betas that bring no tools', async () => {
    await using world = await createModelWorld('anthropic')
    const beta = 'claude-code-20250219,files-api-2025-04-14,web-fetch-2025-09-10,interleaved-thinking-2025-05-14'
    await world.ask('/v1/messages?beta=true', plainBody('anthropic'), {
      headers: { 'anthropic-beta': beta, 'anthropic-version': '2023-06-01\tx' },
    })
    expect(world.seen[0]).toMatchObject({
      path: '/v1/messages',
      headers: {
        'x-api-key': KEY,
        'anthropic-version': '2023-06-01',
        'anthropic-beta': 'claude-code-20250219,interleaved-thinking-2025-05-14',
      },
    })
  })

  test('nothing is sent when the provider’s certificate is not right', async () => {
    await using world = await createModelWorld('responses')
    world.failDial(new DialError('upstream-tls', 'wrong certificate', '203.0.113.7'))
    const { status, headers } = await ask(world)
    expect([status, headers['x-drydock-denied'], world.seen]).toEqual([502, 'upstream-tls', []])
    expect(world.usage().requests).toBe(0)
  })

  test('plain http is for internal providers only', async () => {
    await using world = await createModelWorld('responses', { baseUrl: 'http://provider.test:8000/v1' })
    expect([(await ask(world)).status, world.dialled]).toEqual([502, []])
    if (world.session.model) world.session.model = { ...world.session.model, internal: true }
    expect((await ask(world)).status).toBe(200)
    expect(world.dialled).toEqual([{ kind: 'tcp', name: 'provider.test', port: 8000 }])
  })

  const forms: [string, string][] = [
    ['as it is', KEY],
    ['base64', Buffer.from(KEY).toString('base64')],
    ['base64, one byte on', Buffer.from(`x${KEY}`).toString('base64')],
    ['base64, two bytes on', Buffer.from(`xy${KEY}z`).toString('base64')],
    ['in a URL', encodeURIComponent(KEY)],
    ['in JSON', JSON.stringify({ authorization: `Bearer ${KEY}` })],
    ['in JSON with escaped slashes', KEY.replaceAll('/', '\\/')],
  ]
  test.each(forms)('the key does not come back %s, whole or byte by byte', async (_what, form) => {
    await using world = await createModelWorld('responses')
    for (const size of [1, 7, 10_000]) {
      world.answer(async (_seen, response) => {
        const text = `before ${form} after`
        for (let at = 0; at < text.length; at += size) {
          response.write(text.slice(at, at + size))
          await new Promise((resolve) => setImmediate(resolve))
        }
        response.end()
      })
      const { text, cut } = await ask(world)
      expect(cut).toBe(true)
      expect('before '.startsWith(text.slice(0, 7))).toBe(true)
      expect(text.length).toBeLessThanOrEqual(11 + Math.max(form.indexOf('sk-'), 0))
    }
    const records = await world.session.recorded(3)
    expect(records.map(({ end }) => end?.reason)).toEqual(['secret', 'secret', 'secret'])
  })

  test('the key does not come back in a header', async () => {
    await using world = await createModelWorld('responses')
    world.answer((_seen, response) => void response.setHeader('x-request-id', `echo ${KEY}`).end('{}'))
    const { status, headers, text } = await ask(world)
    expect([status, headers['x-drydock-denied']]).toEqual([502, 'secret'])
    expect(JSON.stringify(headers) + text).not.toContain(KEY)
  })

  test('an encoded answer is refused', async () => {
    await using world = await createModelWorld('responses')
    world.answer((_seen, response) => void response.setHeader('content-encoding', 'gzip').end('xx'))
    expect((await ask(world)).headers['x-drydock-denied']).toBe('secret')
  })

  test('a redirect is not followed', async () => {
    await using world = await createModelWorld('responses')
    world.answer((_seen, response) => void response.writeHead(307, { location: 'https://evil.test/' }).end())
    const { status, headers } = await ask(world)
    expect([status, headers.location, world.seen.length, world.dialled.length]).toEqual([502, undefined, 1, 1])
  })

  test('what a provider says of a key that it refuses stays here', async () => {
    await using world = await createModelWorld('responses')
    world.answer((_seen, response) => void response.writeHead(401).end('Incorrect API key provided: sk-ca***/+='))
    const { status, text } = await ask(world)
    expect([status, text.includes('***')]).toEqual([401, false])
  })

  test('errors of the provider pass as they are, with what clients need to wait', async () => {
    await using world = await createModelWorld('responses')
    world.answer(
      (_seen, response) =>
        void response
          .writeHead(429, { 'retry-after': '7', 'set-cookie': 'a=b', 'openai-organization': 'secret-org' })
          .end('{"error":{"message":"slow down"}}'),
    )
    const { status, headers, text } = await ask(world)
    expect([status, headers['retry-after'], headers['set-cookie'], headers['openai-organization'], text]).toEqual([
      429,
      '7',
      undefined,
      undefined,
      '{"error":{"message":"slow down"}}',
    ])
  })

  test('a provider that sends no head, or stops in the middle, is given up', async () => {
    await using world = await createModelWorld('responses', { idleMs: 60 })
    world.answer(() => {})
    expect((await ask(world)).status).toBe(504)
    world.answer((_seen, response) => void response.write('data: half'))
    expect(await ask(world)).toMatchObject({ status: 200, cut: true, text: 'data: half' })
    const records = await world.session.recorded(2)
    expect(records.map(({ end }) => [end?.status, end?.reason])).toEqual([
      [504, 'upstream-unreachable'],
      [200, 'upstream-unreachable'],
    ])
  })

  test('a provider that sends for ever is given up', async () => {
    await using world = await createModelWorld('responses', { totalMs: 150 })
    world.answer((_seen, response) => {
      const timer = setInterval(() => response.write('data: {}\n\n'), 10)
      response.on('close', () => clearInterval(timer))
    })
    expect(await ask(world)).toMatchObject({ status: 200, cut: true })
  })

  test('events pass as they come, not when the next one does', async () => {
    await using world = await createModelWorld('responses')
    const first = 'data: {"type":"response.created"}\n\n'
    let goOn = () => {}
    world.answer((_seen, response) => {
      response.setHeader('content-type', 'text/event-stream').write(first)
      goOn = () => void response.end('data: [DONE]\n\n')
    })
    // The provider goes on only when the client has what came so far.
    const answer = await world.ask('/v1/responses', plainBody('responses'), { onText: () => goOn() })
    expect(answer.text).toBe(`${first}data: [DONE]\n\n`)
  })

  test('what is under way ends when the model is taken away', async () => {
    await using world = await createModelWorld('responses')
    world.answer((_seen, response) => void response.write('data: half'))
    const onText = () => {
      world.session.phase = 'setup'
      world.session.setPolicy({})
    }
    expect(await world.ask('/v1/responses', plainBody('responses'), { onText })).toMatchObject({ cut: true })
    expect((await world.session.recorded(1))[0]?.end).toMatchObject({ reason: 'revoked' })
    expect(world.session.guards.size).toBe(0)
    const after = await ask(world)
    expect([after.status, after.headers['x-drydock-denied'], world.seen.length]).toEqual([403, 'off', 1])
  })

  test('nothing goes out when the ledger cannot be written', async () => {
    await using world = await createModelWorld('responses')
    world.session.ledgerBroken = true
    const { status, headers } = await ask(world)
    expect([status, headers['x-drydock-denied'], world.seen, world.dialled]).toEqual([503, 'ledger-failed', [], []])
  })

  test.each([
    ['GET', '/v1/files'],
    ['POST', '/v1/files'],
    ['POST', '/v1/organization/users'],
    ['POST', '/v1/responses/'],
    ['POST', '/v1//responses'],
    ['POST', '/v1/%72esponses'],
    ['POST', '/v1/responses?x=1'],
    ['POST', '/v1/x/../responses'],
    ['GET', '/v1/responses'],
    ['GET', '/v1/responses/resp_1'],
    ['DELETE', '/v1/responses'],
    ['POST', '/v1/chat/completions'],
    ['POST', '/v1/messages'],
    ['POST', '/v1/embeddings'],
    ['TRACE', '/'],
    ['POST', '/'],
    ['OPTIONS', '/v1/responses'],
  ])('%s %s is not part of the route', async (method, target) => {
    await using world = await createModelWorld('responses')
    const { status, headers } = await world.ask(target, method === 'POST' ? plainBody('responses') : undefined, {
      method,
    })
    expect([status, headers['x-drydock-denied'], world.dialled]).toEqual([403, 'path', []])
  })

  test('the list of models is the grant’s, and nobody is asked for it', async () => {
    await using world = await createModelWorld('responses', { models: ['a', 'b'] })
    const { data } = JSON.parse((await world.ask('/v1/models?client_version=1')).text) as { data: { id: string }[] }
    expect([data.map(({ id }) => id), world.dialled]).toEqual([['a', 'b'], []])
    expect((await ask(world)).text).toContain('The model \\"m\\" is not allowed')
    expect((await world.ask('/', undefined, { method: 'HEAD' })).status).toBe(200)
  })
})

const sse = (...events: object[]) =>
  events.map((event) => `event: x\r\ndata: ${JSON.stringify(event)}\r\n\r\n`).join('')
const STREAMS = {
  responses: sse(
    { type: 'response.created', response: { usage: null } },
    { type: 'response.incomplete', response: { usage: { input_tokens: 11, output_tokens: 22 } } },
  ),
  chat: `${sse({ choices: [{ delta: { content: '"usage": 7' } }] }, { choices: [], usage: { prompt_tokens: 11, completion_tokens: 22 } })}data: [DONE]\n\n`,
  anthropic: sse(
    {
      type: 'message_start',
      message: {
        usage: { input_tokens: 1, cache_creation_input_tokens: 4, cache_read_input_tokens: 6, output_tokens: 1 },
      },
    },
    { type: 'message_delta', usage: { output_tokens: 22 } },
  ),
} as const

describe.each(['responses', 'chat', 'anthropic'] as const)('tokens of a stream over %s', (wire) => {
  test('are counted wherever it is split', async () => {
    await using world = await createModelWorld(wire)
    const stream = STREAMS[wire]
    const body = plainBody(wire, { stream: true })
    for (let at = 1; at < stream.length; at += 17) {
      world.answer(async (_seen, response) => {
        response.setHeader('content-type', 'text/event-stream; charset=utf-8')
        response.write(stream.slice(0, at))
        await new Promise((resolve) => setImmediate(resolve))
        response.end(stream.slice(at))
      })
      const before = world.usage()
      expect((await world.ask(TARGET[wire], body)).text).toBe(stream)
      await world.session.recorded(world.seen.length)
      const after = world.usage()
      expect([after.inputTokens - before.inputTokens, after.outputTokens - before.outputTokens]).toEqual([11, 22])
    }
    if (wire === 'chat')
      expect(JSON.parse(world.seen[0]?.raw ?? '')).toMatchObject({ stream_options: { include_usage: true } })
  })
})
