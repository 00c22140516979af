import { describe, expect, test } from 'vitest'
import type { Wire } from '../../../../sandbox-policy/control.ts'
import { Budget } from '../../../../sandbox-policy/gateway/model/budget.ts'
import { Refusal } from '../../../../sandbox-policy/gateway/model/refusal.ts'
import { TARGET, createModelWorld, plainBody, usageAnswer } from './support/model-world.ts'

const WIRES: Wire[] = ['responses', 'chat', 'anthropic']
const live = new AbortController().signal

describe('Budget', () => {
  test('reserve() lets a request wait for those under way, and goes on with what they gave back', async () => {
    const budget = new Budget(1000)
    const wanted = { inputEstimate: 100, answers: 1, maxOutput: 700 }
    const first = await budget.reserve(wanted, live)
    expect(budget.usage().budgetLeft).toBe(200)
    const second = budget.reserve(wanted, live)
    first.settle({ input: 50, output: 50 })
    expect((await second).maxOutput).toBe(700)
  })

  test('reserve() clamps the answer to what is left, by the number of answers', async () => {
    const { maxOutput } = await new Budget(1000).reserve({ inputEstimate: 100, answers: 3, maxOutput: 5000 }, live)
    expect(maxOutput).toBe(300)
  })

  test('reserve() refuses for good once a request does not fit with nothing under way', async () => {
    const budget = new Budget(100)
    await expect(budget.reserve({ inputEstimate: 90, answers: 1, maxOutput: 50 }, live)).rejects.toThrow(Refusal)
    await expect(budget.reserve({ inputEstimate: 1, answers: 1, maxOutput: 16 }, live)).rejects.toThrow(/used up/)
    expect(budget.usage()).toMatchObject({ exhausted: true, budgetLeft: 100, requests: 0 })
  })

  test('what a provider counts over the estimate is added to later ones', async () => {
    const budget = new Budget(1000)
    const wanted = { inputEstimate: 10, answers: 1, maxOutput: 20 }
    for (const settled of [300, 300]) (await budget.reserve(wanted, live)).settle({ input: settled, output: 20 })
    expect((await budget.reserve(wanted, live)).total).toBe(320)
    // 1000 − 640 leaves room for one.
    const next = budget.reserve(wanted, live)
    let decided = false
    next.then(
      () => (decided = true),
      () => (decided = true),
    )
    await Promise.resolve()
    expect(decided).toBe(false)
  })

  test('a request that gives up leaves the way free for those behind it', async () => {
    const budget = new Budget(1000)
    const under = await budget.reserve({ inputEstimate: 100, answers: 1, maxOutput: 100 }, live)
    under.settle({ input: 1, output: 1 })
    const holds = await budget.reserve({ inputEstimate: 500, answers: 1, maxOutput: 100 }, live)
    const gone = new AbortController()
    const large = budget.reserve({ inputEstimate: 500, answers: 1, maxOutput: 100 }, gone.signal)
    const small = budget.reserve({ inputEstimate: 10, answers: 1, maxOutput: 100 }, live)
    gone.abort(new Error('hung up'))
    await expect(large).rejects.toThrow('hung up')
    expect((await small).total).toBe(110)
    holds.settle(undefined)
  })

  test('settle() counts once; nothing went out: nothing counts', async () => {
    const budget = new Budget(1000)
    const one = await budget.reserve({ inputEstimate: 100, answers: 1, maxOutput: 100 }, live)
    one.settle(undefined)
    one.settle({ input: 500, output: 500 })
    expect(budget.usage()).toEqual({ inputTokens: 0, outputTokens: 0, requests: 0, budgetLeft: 1000, exhausted: false })
  })
})

describe.each(WIRES)('budget of a sandbox over %s', (wire) => {
  const target = TARGET[wire]
  const field = wire === 'responses' ? 'max_output_tokens' : 'max_tokens'

  test('50 parallel requests against a budget for 3: exactly 3 reach the provider', async () => {
    await using world = await createModelWorld(wire, { budgetTokens: 3 * 1280 })
    world.answer((_seen, response) => void response.end(JSON.stringify(usageAnswer(wire, 1200, 80))))
    const all = Array.from({ length: 50 }, () => world.ask(target, plainBody(wire, { [field]: 80 })))
    const answers = await Promise.all(all)
    expect(world.seen).toHaveLength(3)
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3)
    const refused = answers.filter(({ headers }) => headers['x-drydock-denied'] === 'budget')
    expect(refused).toHaveLength(47)
    expect(refused[0]?.text).toContain('token budget of this task is used up')
    expect(world.usage()).toEqual({ inputTokens: 3600, outputTokens: 240, requests: 3, budgetLeft: 0, exhausted: true })
    const denied = world.session.records.filter(({ verdict }) => verdict === 'deny')
    expect(denied.every(({ end }) => end?.reason === 'budget')).toBe(true)
  })

  test('a provider that uses all it is given cannot be led over the budget', async () => {
    await using world = await createModelWorld(wire, { budgetTokens: 5000, maxOutputTokens: 900 })
    let used = 0
    world.answer(({ raw }, response) => {
      const body = JSON.parse(raw) as Record<string, number>
      const output = (body[field] ?? Infinity) * (body.n ?? 1)
      used += Math.ceil(raw.length / 3) + output
      response.end(JSON.stringify(usageAnswer(wire, Math.ceil(raw.length / 3), output)))
    })
    const n = wire === 'chat' ? { n: 2 } : {}
    await Promise.all(Array.from({ length: 50 }, () => world.ask(target, plainBody(wire, { [field]: 100_000, ...n }))))
    expect(used).toBeLessThanOrEqual(5000)
    expect(used).toBeGreaterThan(3500)
    expect(world.usage().budgetLeft).toBe(5000 - used)
  })

  test('a provider that says nothing of usage is counted by estimate, until nothing is left', async () => {
    await using world = await createModelWorld(wire, { budgetTokens: 2000 })
    world.answer((_seen, response) => void response.end('{"answer":"x"}'))
    let passed = 0
    for (;;) {
      const { status } = await world.ask(target, plainBody(wire, { [field]: 50 }))
      if (status !== 200) break
      passed += 1
    }
    expect(passed).toBeGreaterThan(5)
    expect(passed).toBeLessThan(80)
    expect(world.usage()).toMatchObject({ exhausted: true, requests: passed })
  })

  test('a client that hangs up pays for what it asked for', async () => {
    await using world = await createModelWorld(wire, { budgetTokens: 100_000 })
    const gone = new AbortController()
    const closed = new Promise<void>((resolve) => {
      world.answer((_seen, response) => {
        response.on('close', resolve)
        response.write('x'.repeat(1000))
        gone.abort()
      })
    })
    await expect(world.ask(target, plainBody(wire, { [field]: 5000 }), { signal: gone.signal })).rejects.toThrow()
    await closed
    const [record] = await world.session.recorded(1)
    expect(record?.end).toMatchObject({ status: 200 })
    const { inputTokens, outputTokens } = world.usage()
    expect(inputTokens).toBeGreaterThan(20)
    expect(inputTokens + outputTokens).toBeGreaterThanOrEqual((record?.end?.bytesUp ?? 0) / 2)
  })

  test('retries of what the provider turned down cost nothing', async () => {
    await using world = await createModelWorld(wire, { budgetTokens: 1000 })
    world.answer((_seen, response) => void response.writeHead(503).end('{"error":{"message":"busy"}}'))
    for (let n = 0; n < 20; n += 1) expect((await world.ask(target, plainBody(wire))).status).toBe(503)
    expect(world.usage()).toMatchObject({ budgetLeft: 1000, requests: 0, exhausted: false })
  })

  test('the budget outlives a new policy; a later number changes nothing', async () => {
    await using world = await createModelWorld(wire, { budgetTokens: 1000 })
    world.answer((_seen, response) => void response.end(JSON.stringify(usageAnswer(wire, 400, 300))))
    await world.ask(target, plainBody(wire))
    if (world.session.model) world.session.model = { ...world.session.model, budgetTokens: 1_000_000 }
    expect(world.usage().budgetLeft).toBe(300)
    expect((await world.ask(target, plainBody(wire))).headers['x-drydock-denied']).toBe('budget')
  })
})

test('thinking is cut down with the answer, so that the provider takes it', async () => {
  await using world = await createModelWorld('anthropic', { maxOutputTokens: 2000 })
  await world.ask(
    '/v1/messages',
    plainBody('anthropic', { max_tokens: 32_000, thinking: { type: 'enabled', budget_tokens: 31_999 } }),
  )
  expect(JSON.parse(world.seen[0]?.raw ?? '')).toMatchObject({ max_tokens: 2000, thinking: { budget_tokens: 1999 } })
})

test('the provider decides which of the two names of the maximum is sent', async () => {
  const both = plainBody('chat', { max_tokens: 700, max_completion_tokens: 500 })
  await using other = await createModelWorld('chat')
  await other.ask('/v1/chat/completions', both)
  expect(JSON.parse(other.seen[0]?.raw ?? '')).toEqual({ ...plainBody('chat'), max_tokens: 500 })
  await using openai = await createModelWorld('chat', { baseUrl: 'https://api.openai.com/v1' })
  await openai.ask('/v1/chat/completions', both)
  expect(JSON.parse(openai.seen[0]?.raw ?? '')).toEqual({ ...plainBody('chat'), max_completion_tokens: 500 })
})

test('no more requests at once than the grant says', async () => {
  await using world = await createModelWorld('responses', { concurrency: 3 })
  const waiting: (() => void)[] = []
  let most = 0
  world.answer(async (_seen, response) => {
    waiting.push(() => void response.end(JSON.stringify(usageAnswer('responses', 1, 1))))
    if (waiting.length < 3) return
    // A fourth, if one were let through, would be here before this is answered.
    for (let n = 0; n < 5; n += 1) await world.ask('/v1/models')
    most = Math.max(most, waiting.length)
    for (const answer of waiting.splice(0)) answer()
  })
  await Promise.all(Array.from({ length: 30 }, () => world.ask('/v1/responses', plainBody('responses'))))
  expect([world.seen.length, most]).toEqual([30, 3])
})
