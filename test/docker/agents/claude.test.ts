import { describe, expect, test } from 'vitest'
import { CAN_LISTEN, payloads } from './harness.ts'
import { agentStory } from './story.ts'

describe.skipIf(!CAN_LISTEN)('claude', () => {
  const agent = agentStory('claude', { keys: ['Bearer drydock'] })

  test.each([
    ['err400', /mock: bad request/],
    ['err401', /401/],
    ['err429', /429|rate/i],
    ['err500', /500/],
    ['quota', /mock: quota exceeded/],
    ['drop', /API Error|stream|connection/i],
  ])('fails with the words of the model: %s', async (name, words) => {
    const told = await agent.run(await agent.sandbox(), { prompt: `[[${name}]]` })
    expect(told.outcome).toMatchObject({ ok: false, message: expect.stringMatching(words) })
  })

  test('gets over what passes, and tells of its tries', async () => {
    const told = await agent.run(await agent.sandbox(), { prompt: '[[flaky]]' })
    expect(told.outcome).toEqual({ ok: true, answer: 'Recovered after two 503s.' })
    expect(payloads(told, 'notice').map(({ message }) => message)).toContainEqual(
      expect.stringContaining('The model did not answer'),
    )
  })

  test('takes a prompt that begins with a slash for a prompt', async () => {
    const { outcome } = await agent.run(await agent.sandbox(), { prompt: '/clear [[hello]]' })
    expect(outcome).toEqual({ ok: true, answer: 'Hello from the mock model.' })
  })
})
