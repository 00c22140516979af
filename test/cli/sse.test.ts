import { expect, test } from 'vitest'
import { createSseParser, readSse } from '../../cli/sse.ts'

const TEXT = 'retry: 1000\n\n: note\n\nid: 1\ndata: {"a":1}\n\nevent: end\ndata: x\ndata:y\n\n'
const MESSAGES = [
  { event: 'message', data: '{"a":1}', id: '1' },
  { event: 'end', data: 'x\ny', id: undefined },
]

test.each(['\n', '\r\n', '\r'])('createSseParser() reads lines that end with %j', (end) => {
  // The last CR could be half of a CRLF, so one more line settles it.
  expect(createSseParser().push(`${TEXT.replaceAll('\n', end)}:${end}`)).toEqual(MESSAGES)
})

test.each(['\n', '\r\n'])('createSseParser() gives the same wherever chunks are cut, with %j', (end) => {
  const text = TEXT.replaceAll('\n', end)
  for (let cut = 0; cut <= text.length; cut++) {
    const parser = createSseParser()
    expect([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]).toEqual(MESSAGES)
  }
})

test('readSse() joins characters that a chunk has cut', async () => {
  const bytes = new TextEncoder().encode('data: ä漢🙂\n\n')
  async function* single() {
    for (const byte of bytes) yield Uint8Array.of(byte)
  }
  const seen = []
  for await (const message of readSse(single(), () => undefined)) seen.push(message.data)
  expect(seen).toEqual(['ä漢🙂'])
})

test('readSse() drops a message that the end of the stream cut off', async () => {
  async function* cut() {
    yield new TextEncoder().encode('data: whole\n\ndata: half')
  }
  const seen = []
  for await (const message of readSse(cut(), () => undefined)) seen.push(message.data)
  expect(seen).toEqual(['whole'])
})
