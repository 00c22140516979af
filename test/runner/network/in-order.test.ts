import { expect, test } from 'vitest'
import { deferred } from '../../../runner/deferred.ts'
import { InOrder } from '../../../runner/network/in-order.ts'

test('InOrder runs what concerns one id in the order of calls, also after a failure, and others beside it', async () => {
  const inOrder = new InOrder()
  const seen: string[] = []
  const [first, other] = [deferred(), deferred()]
  const failing = inOrder.run('a', async () => {
    await first.promise
    seen.push('a1')
    throw new Error('a1 failed')
  })
  const next = inOrder.run('a', async () => void seen.push('a2'))
  const beside = inOrder.run('b', async () => {
    seen.push('b1')
    other.resolve()
  })
  await other.promise
  await beside
  expect([seen, inOrder.has('a'), inOrder.has('b')]).toEqual([['b1'], true, false])
  const settled = inOrder.settled('a').then(() => seen.push('settled'))
  first.resolve()
  await expect(failing).rejects.toThrow('a1 failed')
  await Promise.all([next, settled])
  expect(seen).toEqual(['b1', 'a1', 'a2', 'settled'])
  expect(inOrder.has('a')).toBe(false)
})
