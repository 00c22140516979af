import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { askHidden } from '../../bin/ask-hidden.ts'

/** A terminal at which somebody types, and what it was told and showed. */
function typing(...pieces: (string | Buffer)[]) {
  const raw: boolean[] = []
  const terminal = Object.assign(new PassThrough(), { setRawMode: (isRaw: boolean) => raw.push(isRaw) })
  let shown = ''
  const answer = askHidden('Value: ', { terminal, say: (text) => (shown += text) })
  for (const piece of pieces) terminal.write(piece)
  return { answer, raw, shown: () => shown, terminal }
}

test.each([
  ['a line', ['s3cr', '3t\r'], 's3cr3t'],
  ['a corrected line', ['s3x\u007fcr\b\bcret\n'], 's3cret'],
  ['more corrections than letters', ['a\u007f\u007fb\r'], 'b'],
  ['a line that ends with the input', ['s3cr3t\u0004'], 's3cr3t'],
  ['letters in pieces', [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1), '\r'], 'é'],
  ['only the first of what was pasted', ['one\ntwo\n'], 'one'],
])('askHidden() takes %s and shows nothing of it', async (_, pieces, expected) => {
  const { answer, raw, shown, terminal } = typing(...pieces)
  expect(await answer).toBe(expected)
  expect(shown()).toBe('Value: \n')
  expect(raw).toEqual([true, false])
  // What comes next may be read by others.
  expect(terminal.destroyed).toBe(false)
})

test('askHidden() gives up at Ctrl-C and gives the terminal back', async () => {
  const { answer, raw, shown } = typing('s3c\u0003r3t\r')
  await expect(answer).rejects.toMatchObject({ name: 'AbortError' })
  expect(shown()).toBe('Value: \n')
  expect(raw).toEqual([true, false])
})
