import { expect, test } from 'vitest'
import { fakeSandboxes } from '../../../runner/sandbox/fake.ts'
import { checkouter } from '../../../runner/workspace/checkout.ts'
import type { Base, CheckedOut } from '../../../runner/workspace/workspace.ts'

const HEAD = 'a'.repeat(40)
const OTHER = 'b'.repeat(40)
const VIEW = {
  ...{ objects: '/mirror', store: '/store', defaultBranch: 'main' },
  refs: [{ name: 'refs/heads/main', commit: HEAD }],
}

const checkOut = checkouter(async () => ({ id: HEAD, isPlain: true }))

/** How many commands a checkout runs in a sandbox. */
async function commandsOf(base: Base, left?: CheckedOut) {
  let commands = 0
  const sandboxes = fakeSandboxes({
    exec: () => {
      commands++
      return { code: 0 }
    },
  })
  const sandbox = sandboxes.create({} as Parameters<typeof sandboxes.create>[0])
  const { signal } = new AbortController()
  await sandbox.start(signal)
  const onOutput = () => undefined
  const done = await checkOut({ sandbox, view: VIEW, base, onOutput, ...(left && { left }) }, signal)
  await sandbox.destroy()
  return { commands, done }
}

test('checkOut() runs nothing where what was left comes to the same, however its base is written', async () => {
  const { commands, done } = await commandsOf({ commit: HEAD, branch: 'main' })
  expect(commands).toBeGreaterThan(0)
  expect((await commandsOf({ branch: 'main', commit: HEAD }, done)).commands).toBe(0)
  expect((await commandsOf({ commit: OTHER, branch: 'main' }, done)).commands).toBeGreaterThan(0)
  expect((await commandsOf({ commit: HEAD, branch: 'next' }, done)).commands).toBeGreaterThan(0)
})
