import { expect, test } from 'vitest'
import type { Freezer } from '../../../runner/sandbox/freezer.ts'
import { whileFrozen } from '../../../runner/sandbox/while-frozen.ts'
import { deferred } from '../../../runner/deferred.ts'

type Call = () => Promise<void>

/** An engine and a kernel with one container; what they were asked is in `said`. */
function machine({ pause, unpause }: { pause?: Call; unpause?: Call }, onThaw: () => void = () => {}) {
  const said: string[] = []
  const say = (word: string, call?: Call) => async () => {
    said.push(word)
    await call?.()
  }
  const calls = { pause: say('pause', pause), unpause: say('unpause', unpause) }
  const thaw = say('kernel thaws', async () => onThaw())
  const freezer: Freezer = { thaw, end: thaw, isFrozen: async () => true }
  return { said, input: { calls, freezer, container: 'c', limitMs: 30 }, work: say('work') }
}

test('whileFrozen() freezes, works and thaws by the engine', async () => {
  const { said, input, work } = machine({})
  await whileFrozen(input, work)
  expect(said).toEqual(['pause', 'work', 'unpause'])
})

test('whileFrozen() thaws after work that failed', async () => {
  const { said, input } = machine({})
  await expect(whileFrozen(input, () => Promise.reject(new Error('not mine to kill')))).rejects.toThrow('not mine')
  expect(said).toEqual(['pause', 'unpause'])
})

test('whileFrozen() thaws by the kernel when the engine hangs at thawing', async () => {
  const hanging = deferred()
  const { said, input, work } = machine({ unpause: () => hanging.promise }, () => hanging.resolve())
  await expect(whileFrozen(input, work)).rejects.toMatchObject({ code: 'engine-unavailable' })
  expect(said).toEqual(['pause', 'work', 'unpause', 'kernel thaws'])
})

test('whileFrozen() thaws by the kernel when the engine hangs at freezing, and undoes a freeze that comes late', async () => {
  const hanging = deferred()
  const { said, input, work } = machine({ pause: () => hanging.promise })
  await expect(whileFrozen(input, work)).rejects.toMatchObject({ code: 'engine-unavailable' })
  expect(said).toContain('kernel thaws')
  expect(said).not.toContain('work')
  hanging.resolve()
  await new Promise(setImmediate)
  expect(said.at(-1)).toBe('unpause')
})

test('whileFrozen() thaws what it could not freeze, and tells why', async () => {
  const { said, input, work } = machine({
    pause: () => Promise.reject(new Error('already paused')),
    unpause: () => Promise.reject(new Error('not paused')),
  })
  await expect(whileFrozen(input, work)).rejects.toThrow('already paused')
  expect(said).toEqual(['pause', 'unpause'])
})

test('whileFrozen() thaws by the kernel when the engine refuses to', async () => {
  const { said, input, work } = machine({ unpause: () => Promise.reject(new Error('it is restarting')) })
  await expect(whileFrozen(input, work)).rejects.toThrow('it is restarting')
  expect(said).toEqual(['pause', 'work', 'unpause', 'kernel thaws'])
})
