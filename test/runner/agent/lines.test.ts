import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLineSplitter } from '../../../runner/agent/lines.ts'

async function split(chunks: readonly Buffer[], maxBytes = 100): Promise<string[]> {
  const lines: string[] = []
  const splitter = createLineSplitter((line) => void lines.push(line), { maxBytes })
  for (const chunk of chunks) await splitter.push(chunk)
  await splitter.close()
  return lines
}

const bytesOf = (text: string) => [...Buffer.from(text)].map((byte) => Buffer.from([byte]))

describe('createLineSplitter()', () => {
  test.each([
    ['LF', 'a\nb\n', ['a', 'b']],
    ['CRLF', 'a\r\nb\r\n', ['a', 'b']],
    ['CR inside', 'a\rb\n', ['a\rb']],
    ['empty lines', '\n\r\n\n', ['', '', '']],
    ['no line end at the end', 'a\nb', ['a', 'b']],
    ['nothing', '', []],
    ['characters of several bytes', 'ä€😀\n😀', ['ä€😀', '😀']],
  ])('splits %s, whole or byte by byte', async (_, text, expected) => {
    expect(await split([Buffer.from(text)])).toEqual(expected)
    expect(await split(bytesOf(text))).toEqual(expected)
  })

  test('replaces what jsonb refuses and what is no UTF-8', async () => {
    expect(await split([Buffer.from([0x61, 0x00, 0x62, 0xff, 0xfe, 0x0a])])).toEqual(['a\uFFFDb\uFFFD\uFFFD'])
  })

  test('keeps a line of exactly the limit, with CRLF, too', async () => {
    const full = 'x'.repeat(100)
    expect(await split([Buffer.from(`${full}\r\n${full}\n${full}`)])).toEqual([full, full, full])
  })

  test('cuts a longer line and says by how much', async () => {
    const lines = await split([Buffer.from('x'.repeat(150)), Buffer.from('y'.repeat(50)), Buffer.from('\nnext\n')])
    expect(lines).toEqual([`${'x'.repeat(100)} … [100 more bytes]`, 'next'])
  })

  test('never shows half a character at the cut', async () => {
    const [line] = await split([Buffer.from(`${'x'.repeat(98)}😀tail\n`)])
    expect(line).toBe(`${'x'.repeat(98)} … [6 more bytes]`)
  })

  test('keeps no more than the limit of a line of 100 MB', async () => {
    const lines: string[] = []
    const splitter = createLineSplitter((line) => void lines.push(line))
    const chunk = Buffer.alloc(1024 * 1024, 'z')
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < 100; i++) await splitter.push(chunk)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024)
    await splitter.close()
    expect(lines).toHaveLength(1)
    expect(lines[0]?.length).toBeLessThan(17_000)
    expect(lines[0]).toContain(`[${100 * 1024 * 1024 - 16 * 1024} more bytes]`)
  })

  test('hands lines on one after the other, also when pushes overlap', async () => {
    const seen: string[] = []
    const splitter = createLineSplitter(async (line) => {
      seen.push(`< ${line}`)
      await Promise.resolve()
      seen.push(`${line} >`)
    })
    await Promise.all([splitter.push(Buffer.from('a\nb\n')), splitter.push(Buffer.from('c\n')), splitter.close()])
    expect(seen).toEqual(['< a', 'a >', '< b', 'b >', '< c', 'c >'])
  })

  test('rejects the push whose line was refused', async () => {
    const splitter = createLineSplitter(() => Promise.reject(new Error('log is full')))
    await expect(splitter.push(Buffer.from('a\n'))).rejects.toThrow('log is full')
  })

  test('gives the same lines however the bytes are cut', async () => {
    const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array))
    const newlines = fc
      .array(fc.constantFrom('a', 'ä', '\n', '\r\n', '\0', '😀'), { maxLength: 80 })
      .map((parts) => Buffer.from(parts.join('')))
    await fc.assert(
      fc.asyncProperty(fc.oneof(bytes, newlines), fc.array(fc.nat(60)), async (data, cuts) => {
        const chunks: Buffer[] = []
        let at = 0
        for (const cut of cuts) {
          chunks.push(data.subarray(at, at + cut))
          at += cut
        }
        chunks.push(data.subarray(at))
        expect(await split(chunks, 50)).toEqual(await split([data], 50))
      }),
    )
  })
})
