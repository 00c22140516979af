import fc from 'fast-check'
import { expect, test } from 'vitest'
import { markScanner } from '../../../runner/sandbox/mark-scanner.ts'

const MARK = Buffer.from('\x1e0123456789abcdef')

/** Feeds pieces until the mark is found. */
function scan(pieces: readonly Buffer[]) {
  const feed = markScanner(MARK)
  const before: Buffer[] = []
  for (const piece of pieces) {
    const scanned = feed(piece)
    before.push(scanned.before)
    if (scanned.code !== undefined) return { before: Buffer.concat(before), code: scanned.code }
  }
  return { before: Buffer.concat(before), code: undefined }
}

function cut(data: Buffer, at: readonly number[]): Buffer[] {
  const edges = [0, ...at.map((edge) => edge % (data.length + 1)).sort((a, b) => a - b), data.length]
  return edges.slice(1).map((edge, i) => data.subarray(edges[i], edge))
}

test('markScanner() finds the mark and gives what came before it, however the stream is cut', () => {
  const output = fc.oneof(
    fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    fc
      .nat({ max: MARK.length - 1 })
      .map((length) => Buffer.concat([MARK.subarray(0, length), MARK.subarray(0, length)])),
  )
  fc.assert(
    fc.property(output, fc.nat({ max: 255 }), fc.array(fc.nat({ max: 200 })), (before, code, at) => {
      const data = Buffer.concat([before, MARK, Buffer.from(` ${code}\nlater`)])
      expect(scan(cut(data, at))).toEqual({ before, code })
    }),
  )
})

test('markScanner() holds no line back', () => {
  const feed = markScanner(MARK)
  expect(feed(Buffer.from('a line\n')).before.toString()).toBe('a line\n')
  expect(feed(Buffer.from('\x1e01')).before.toString()).toBe('')
  expect(feed(Buffer.from('x')).before.toString()).toBe('\x1e01x')
})

test.each([' 12345\n', ' 1x\n', '0\n', ' -1\n', ' 1234567890'])('markScanner() takes %j for no exit code', (after) => {
  expect(scan([Buffer.concat([MARK, Buffer.from(after)])]).code).toBeNull()
})
