import { describe, expect, test } from 'vitest'
import { CAN_LISTEN, payloads } from './harness.ts'
import { agentStory } from './story.ts'

describe.skipIf(!CAN_LISTEN)('codex', () => {
  const agent = agentStory('codex', { keys: [] })

  test.each([
    ['err400', /mock: bad request/],
    ['err401', /401/],
    ['err429', /429|rate/i],
    ['err500', /high demand|500/i],
    ['quota', /quota/i],
    ['ctx', /context window/],
    ['drop', /stream/],
  ])('fails with the words of the model: %s', async (name, words) => {
    const { outcome } = await agent.run(await agent.sandbox(), { prompt: `[[${name}]]` })
    expect(outcome).toMatchObject({ ok: false, message: expect.stringMatching(words) })
  })

  test.each(['flaky', 'droponce'])('gets over what passes: %s', async (name) => {
    const told = await agent.run(await agent.sandbox(), { prompt: `[[${name}]]` })
    expect(told.outcome.ok).toBe(true)
    expect(payloads(told, 'message')).toHaveLength(1)
  })
})
