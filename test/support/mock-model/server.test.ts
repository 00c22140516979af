import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startMockModel } from './server.ts'
import type { MockModel } from './server.ts'

const PATHS = { responses: '/v1/responses', chat: '/v1/chat/completions', anthropic: '/any/messages' } as const
const KEY = 'canary'
type Wire = keyof typeof PATHS

let model: MockModel
beforeAll(async () => {
  model = await startMockModel({ key: KEY })
})
afterAll(() => model[Symbol.asyncDispose]())
beforeEach(() => model.reset())

const said = (text: string) => [{ role: 'user', content: text }]
const bodyOf = (wire: Wire, messages: unknown[]) => ({
  model: 'm',
  stream: true,
  ...(wire === 'responses' ? { input: messages } : { messages }),
})

async function ask(wire: Wire, body: unknown, key = KEY) {
  const response = await fetch(`http://127.0.0.1:${model.port}${PATHS[wire]}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify(body),
  })
  return { status: response.status, text: await response.text() }
}

/** The objects of a stream of events; the text of an answer is cut into pieces of 40. */
const objects = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .flatMap((line) => (line.startsWith('data: {') ? [JSON.parse(line.slice(6)) as Record<string, unknown>] : []))

describe.each(['responses', 'chat', 'anthropic'] as const)('the mock on wire %s', (wire) => {
  test('streams an answer with its usage', async () => {
    const { status, text } = await ask(wire, bodyOf(wire, said('[[hello]]')))
    expect(status).toBe(200)
    expect(text).toContain('Hello from the mock model.')
    const usage = objects(text).flatMap((each) => {
      const inner = each.usage ?? (each.response as { usage?: unknown } | undefined)?.usage
      return inner == null ? [] : [inner]
    })
    expect(usage.at(-1)).toMatchObject(
      {
        responses: { input_tokens: 1200, output_tokens: 80 },
        chat: { prompt_tokens: 1200, completion_tokens: 80 },
        anthropic: { output_tokens: 80 },
      }[wire],
    )
  })

  test('refuses another key, and records it', async () => {
    expect((await ask(wire, bodyOf(wire, said('x')), 'other')).status).toBe(401)
    expect(model.requests).toMatchObject([
      { method: 'POST', path: PATHS[wire], headers: { authorization: 'Bearer other' } },
    ])
  })

  test('fails so often as the scenario says', async () => {
    const statuses = []
    for (let i = 0; i < 3; i++) statuses.push((await ask(wire, bodyOf(wire, said('[[flaky]]')))).status)
    expect(statuses).toEqual([503, 503, 200])
  })

  test('cuts a stream', async () => {
    await expect(ask(wire, bodyOf(wire, said('[[droponce]]')))).rejects.toThrow()
    expect((await ask(wire, bodyOf(wire, said('[[droponce]]')))).text).toContain('Whole after one cut.')
  })

  test('goes on where the history says, and remembers nothing', async () => {
    const call = 'mk_follow_0_0'
    const result = {
      responses: [{ type: 'function_call_output', call_id: call, output: 'hello' }],
      chat: [{ role: 'tool', tool_call_id: call, content: 'hello' }],
      anthropic: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: `toolu_${call}`, content: 'hello' }] }],
    }[wire]
    const tools = [{ name: 'bash', function: { name: 'bash' } }]
    const first = await ask(wire, { ...bodyOf(wire, said('[[follow]]')), tools })
    expect(first.text).toContain(call)
    const second = await ask(wire, { ...bodyOf(wire, [...said('[[follow]]'), ...result]), tools })
    expect(second.text).not.toContain(call)
    expect(second.text).toContain('As I said before')
  })

  test('answers 400 to what is no JSON object', async () => {
    expect((await ask(wire, [])).status).toBe(400)
  })
})
