import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bodyDecoder } from '../../../../sandbox-policy/gateway/http/codec/body.ts'
import { requestText } from '../../../../sandbox-policy/gateway/http/codec/build.ts'
import type { Framing } from '../../../../sandbox-policy/gateway/http/codec/fields.ts'
import { parseRequestHead } from '../../../../sandbox-policy/gateway/http/codec/request.ts'
import { parseResponseHead } from '../../../../sandbox-policy/gateway/http/codec/response.ts'
import { HeadScanner } from '../../../../sandbox-policy/gateway/http/codec/scan.ts'

const RUNS = 3000

/** Pieces of heads and bodies, and any bytes between them. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'GET / HTTP/1.1\r\n',
        'HTTP/1.1 200 OK\r\n',
        'Host: a.test\r\n',
        '\r\n',
        '\r',
        '\n',
        ' ',
        '\t',
        ':',
        '0\r\n',
        '5\r\nhello\r\n',
        ';x',
        'X: y\r\n',
        'Content-Length: 5\r\n',
        'Transfer-Encoding: chunked\r\n',
        '\0',
        '\x7f',
        '\x80',
        'HTTP/1.1',
        '1f',
      ),
      fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    ),
    { maxLength: 14 },
  )
  .map((parts) => Buffer.from(parts.join(''), 'latin1'))

const cuts = fc.array(fc.nat({ max: 300 }), { maxLength: 6 })

function pieces(bytes: Buffer, at: readonly number[]): Buffer[] {
  const ends = [...new Set([...at.map((cut) => Math.min(cut, bytes.length)), bytes.length])].sort((a, b) => a - b)
  return ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end))
}

test.each(['request', 'response'] as const)('HeadScanner finds the same in a %s head however it is cut', (kind) => {
  fc.assert(
    fc.property(hostile, cuts, (bytes, at) => {
      const whole = new HeadScanner(kind).scan(bytes)
      const scanner = new HeadScanner(kind)
      let seen = 0
      let scan: ReturnType<HeadScanner['scan']> = { kind: 'more' }
      for (const piece of pieces(bytes, at)) {
        seen += piece.length
        scan = scanner.scan(bytes.subarray(0, seen))
        if (scan.kind !== 'more') break
      }
      expect(scan).toEqual(whole)
      if (scan.kind !== 'head') return
      const text = bytes.toString('latin1', scan.start, scan.end)
      // Neither throws, whatever the scanner let through.
      if (kind === 'request') parseRequestHead(text)
      else parseResponseHead(text)
    }),
    { numRuns: RUNS },
  )
})

function decode(framing: Framing, parts: readonly Buffer[]) {
  const decoder = bodyDecoder(framing)
  let body = ''
  let taken = 0
  for (const part of parts) {
    const used = decoder.push(part, (bytes) => (body += bytes.toString('latin1')))
    taken += used
    if (decoder.done || decoder.broken) break
    expect(used).toBe(part.length)
  }
  return { body, taken, done: decoder.done, broken: decoder.broken }
}

test.each<Framing>([{ kind: 'chunked' }, { kind: 'length', length: 7 }, { kind: 'close' }])(
  'bodyDecoder() reads the same from %o however it is cut',
  (framing) => {
    fc.assert(
      fc.property(hostile, cuts, (bytes, at) => {
        expect(decode(framing, pieces(bytes, at))).toEqual(decode(framing, [bytes]))
      }),
      { numRuns: RUNS },
    )
  },
)

test('bodyDecoder() takes the chunks off any body and stops right behind it', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 5 }), cuts, (chunks, at) => {
      const bodies = chunks.map((chunk) => Buffer.from(chunk).toString('latin1'))
      const encoded = bodies.map((body) => `${body.length.toString(16)}\r\n${body}\r\n`).join('') + '0\r\n\r\n'
      const stream = Buffer.from(`${encoded}GET / HTTP/1.1\r\n`, 'latin1')
      const expected = { body: bodies.join(''), taken: encoded.length, done: true, broken: false }
      expect(decode({ kind: 'chunked' }, pieces(stream, at))).toEqual(expected)
    }),
    { numRuns: RUNS },
  )
})

test('a head that is built from a parsed one parses to the same', () => {
  const value = fc.stringMatching(/^[!-~\x80-\xff](?:[\t -~\x80-\xff]{0,20}[!-~\x80-\xff])?$/)
  const name = fc.stringMatching(/^x-[a-z0-9!#$%&'*+.^_`|~-]{1,12}$/)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(name, value), { maxLength: 6 }),
      fc.stringMatching(/^\/[!-"$->@-~]{0,30}$/),
      (fields, target) => {
        const lines = fields.map(([key, text]) => `${key}: ${text}\r\n`).join('')
        const first = parseRequestHead(`GET ${target} HTTP/1.1\r\nHost: a.test\r\n${lines}\r\n`)
        if ('refused' in first) throw new Error(first.sentence)
        const own = first.fields.filter(({ key }) => key !== 'host')
        const text = requestText({
          method: 'GET',
          target: first.path,
          host: 'a.test',
          fields: own,
          body: first.body,
          expectContinue: false,
          upgrade: false,
        })
        expect(parseRequestHead(text)).toEqual(first)
        expect(own.map(({ name, value }) => [name, value])).toEqual(fields)
      },
    ),
    { numRuns: RUNS },
  )
})
