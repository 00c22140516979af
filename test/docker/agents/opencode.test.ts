import { describe, expect, test } from 'vitest'
import { CAN_LISTEN } from './harness.ts'
import { agentStory } from './story.ts'

describe.skipIf(!CAN_LISTEN)('opencode', () => {
  const agent = agentStory('opencode', { keys: ['Bearer drydock'] })

  test.each([
    ['err400', /mock: bad request/],
    ['err401', /mock: bad key/],
  ])('fails with the words of the model: %s', async (name, words) => {
    const { outcome } = await agent.run(await agent.sandbox(), { prompt: `[[${name}]]` })
    expect(outcome).toMatchObject({ ok: false, message: expect.stringMatching(words) })
  })
})
