import { expect, test } from 'vitest'
import { writeBehind } from '../../runner/write-behind.ts'

test('writeBehind() writes one after the other, and flush() waits for all of them', async () => {
  const said: string[] = []
  const writes = writeBehind(() => said.push('lost'))
  let go = () => {}
  const gate = new Promise<void>((resolve) => (go = resolve))
  writes.add(async () => {
    await gate
    said.push('one')
  })
  writes.add(async () => void said.push('two'))
  expect(said).toEqual([])
  go()
  await writes.flush()
  expect(said).toEqual(['one', 'two'])
})

test('writeBehind() tells a failure once, writes nothing after it, and flush() rejects with it', async () => {
  const lost: unknown[] = []
  const said: string[] = []
  const writes = writeBehind((error) => lost.push(error))
  const stale = new Error('stale')
  writes.add(() => Promise.reject(stale))
  writes.add(async () => void said.push('two'))
  await expect(writes.flush()).rejects.toBe(stale)
  await expect(writes.flush()).rejects.toBe(stale)
  expect(lost).toEqual([stale])
  expect(said).toEqual([])
})
