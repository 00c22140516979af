import { expect, test } from 'vitest'
import { dockerErrors } from '../../../runner/sandbox/docker-errors.ts'

const never = () => new Promise<never>(() => undefined)
const { during, unless } = dockerErrors('/run/docker.sock', 20)

test.each([
  ['during()', () => during('look around', never())],
  ['unless()', () => unless([404], 'look around', never())],
])('%s does not wait for ever for an engine that hangs', async (_, call) => {
  await expect(call()).rejects.toMatchObject({
    code: 'engine-unavailable',
    message:
      'Cannot look around: the Docker engine at /run/docker.sock does not answer (ETIMEDOUT). Start it, for example with scripts/setup.',
  })
})

test('during() waits longer for what takes longer, and is content with a late answer', async () => {
  const late = new Promise<string>((resolve) => setTimeout(() => resolve('done'), 60))
  expect(await during('save a sandbox', late, 10_000)).toBe('done')
  expect(await during('wait for a service', Promise.resolve('ended'), Infinity)).toBe('ended')
})
