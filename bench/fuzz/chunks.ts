import { bodyDecoder } from '../../sandbox-policy/gateway/http/codec/body.ts'
import type { Framing } from '../../sandbox-policy/gateway/http/codec/fields.ts'
import { readRequests } from './llhttp.ts'
import type { Random } from './random.ts'
import { cuts, must, mustEqual, target } from './target.ts'

const SIZES = ['0', '1', '4', 'a', '0004', 'A']
const ODD_SIZES = [
  '',
  '-4',
  '0x4',
  '4 ',
  ' 4',
  '+4',
  '10000000000000004',
  'g',
  '4;',
  '4;a=b',
  '4; a="\r\n"',
  '4\t',
  'fffffffff',
  '4;\x80',
  '000000000000000000004',
]
const ENDS = ['\r\n']
const ODD_ENDS = ['\n', '\r', '\r\r\n', '', '\r\nX', ' \r\n', ';x\r\n']
const TRAILERS = [
  '',
  '',
  '',
  'X: y\r\n',
  'Content-Length: 5\r\n',
  'X\r\n',
  ' folded\r\n',
  'X: \x80\r\n',
  'X:\0\r\n',
  ': y\r\n',
  'X: y\n',
]
const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: b.test\r\n\r\n'

/** A chunked body as a sandbox or a server may send it, and what follows it. */
function makeChunks(random: Random): Buffer {
  let text = ''
  for (let chunks = random.int(4); chunks > 0; chunks--) {
    const size = random.mostly(SIZES.slice(1), ODD_SIZES)
    const length = Number.parseInt(size, 16)
    const data = 'd'.repeat(
      Number.isFinite(length) && length >= 0 && length < 64 ? length + (random.oneIn(25) ? 1 : 0) : 4,
    )
    text += `${size}${random.mostly(ENDS, ODD_ENDS)}${data}${random.mostly(ENDS, ODD_ENDS)}`
  }
  text += random.oneIn(8) ? random.pick(['', '0', '0\r\n', '00\r\n\r\n']) : `0\r\n${random.pick(TRAILERS)}\r\n`
  const bytes = Buffer.from(text + random.pick(['', HIDDEN, 'x']), 'latin1')
  return random.oneIn(5) ? random.mutate(bytes) : bytes
}

type Decoded = { body: string; taken: number; done: boolean; broken: boolean; mayEnd: boolean }

export const chunks = target<{ bytes: Buffer; framing: Framing }>({
  name: 'body decoders',
  weight: 8,
  leastAccepted: 0.25,
  make: (random) => ({
    bytes: makeChunks(random),
    framing: random.oneIn(12)
      ? random.pick<Framing>([{ kind: 'length', length: random.int(40) }, { kind: 'close' }, { kind: 'none' }])
      : { kind: 'chunked' },
  }),
  check({ bytes, framing }, random) {
    const whole = decode(framing, [bytes])
    const places = [...new Set(cuts(bytes.length, random, 8))].sort((a, b) => a - b)
    const pieces = [...places, bytes.length].map((end, index) =>
      bytes.subarray(index === 0 ? 0 : places[index - 1], end),
    )
    mustEqual(decode(framing, pieces), whole, 'a body that comes in pieces')
    must(whole.body.length <= whole.taken && whole.taken <= bytes.length, 'more comes out than went in')
    must(!(whole.done && whole.broken), 'it is done and broken')
    if (framing.kind === 'chunked' && whole.done) mustReadAlike(bytes.subarray(0, whole.taken), whole.body)
    return whole.done || (framing.kind === 'close' && whole.mayEnd) ? 'accepted' : 'refused'
  },
})

function decode(framing: Framing, parts: readonly Buffer[]): Decoded {
  const decoder = bodyDecoder(framing)
  let body = ''
  let taken = 0
  for (const part of parts) {
    const used = decoder.push(part, (bytes) => (body += bytes.toString('latin1')))
    taken += used
    if (decoder.done || decoder.broken) break
    must(used === part.length, 'it leaves bytes, and is not over')
  }
  return { body, taken, done: decoder.done, broken: decoder.broken, mayEnd: decoder.mayEnd }
}

/** Node's parser finds the same body in exactly these bytes. It may be stricter in extensions and trailers only. */
function mustReadAlike(bytes: Buffer, body: string): void {
  const head = Buffer.from('POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n')
  const { requests, refused } = readRequests(Buffer.concat([head, bytes]))
  if (refused) return must(/[;:]/.test(bytes.toString('latin1')), 'another parser refuses plain chunks')
  mustEqual([requests.length, requests[0]?.complete, requests[0]?.body], [1, true, body], 'the body to another parser')
}
