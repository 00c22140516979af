import { expect, test } from 'vitest'
import { BodyReader } from '../../../../sandbox-policy/gateway/model/read-body.ts'
import { Refusal } from '../../../../sandbox-policy/gateway/model/refusal.ts'

const MiB = 1024 * 1024
const live = new AbortController().signal
async function* chunks(count: number): AsyncGenerator<Buffer> {
  for (let n = 0; n < count; n += 1) yield Buffer.alloc(MiB)
}

test('read() holds at most 64 MiB of one sandbox, and gives room back', async () => {
  const reader = new BodyReader()
  const read = (sandbox: string, count: number) => reader.read(chunks(count), { sandbox, length: undefined }, live)
  const first = await read('one', 31)
  const gone = new AbortController()
  const second = reader.read(chunks(31), { sandbox: 'one', length: undefined }, gone.signal)
  await expect(read('one', 31)).rejects.toThrow(Refusal)
  expect((await read('other', 31)).bytes.length).toBe(31 * MiB)
  first.release()
  // Paced by now, so it is waiting; when it gives up, its room is free, too.
  gone.abort(new Error('gone'))
  await expect(second).rejects.toThrow('gone')
  expect((await read('one', 1)).bytes.length).toBe(MiB)
}, 20_000)

test('read() lets ordinary bodies through at once', async () => {
  const reader = new BodyReader()
  const times: number[] = []
  // Several times over, each as another sandbox: a busy machine is slow at one of them.
  for (const sandbox of ['one', 'two', 'three', 'four']) {
    const before = performance.now()
    for (let n = 0; n < 10; n += 1) (await reader.read(chunks(2), { sandbox, length: undefined }, live)).release()
    times.push(performance.now() - before)
  }
  expect(Math.min(...times)).toBeLessThan(2000)
})

test('read() gives up on a body that stalls, when the request ends', async () => {
  const gone = new AbortController()
  const stalling = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }
  const reading = new BodyReader().read(stalling, { sandbox: 'one', length: undefined }, gone.signal)
  gone.abort(new Error('gone'))
  await expect(reading).rejects.toThrow('gone')
})
