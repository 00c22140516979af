import { isWritable, responseText } from '../../sandbox-policy/gateway/http/codec/build.ts'
import { responseFieldsToForward } from '../../sandbox-policy/gateway/http/codec/fields.ts'
import {
  parseResponseHead,
  responseFraming,
  type ResponseHead,
} from '../../sandbox-policy/gateway/http/codec/response.ts'
import { HeadScanner } from '../../sandbox-policy/gateway/http/codec/scan.ts'
import { readResponse } from './llhttp.ts'
import type { Random } from './random.ts'
import { mustScanAlike } from './requests.ts'
import { must, mustEqual, target } from './target.ts'

const LINES = [
  'HTTP/1.1 200 OK',
  'HTTP/1.1 204 No Content',
  'HTTP/1.1 404',
  'HTTP/1.0 200 OK',
  'HTTP/1.1 302 Found',
  'HTTP/1.1 304 x',
]
const ODD_LINES = [
  'HTTP/1.1 20 OK',
  'HTTP/1.1  200 OK',
  'HTTP/1.1 2000',
  'HTTP/1.1 099 x',
  'HTTP/1.1\t200',
  'HTTP/2 200',
  'ICY 200 OK',
  'HTTP/1.1 +20',
  '',
  'HTTP/1.1 999 \x80',
  'HTTP/1.1 100 x',
  'HTTP/1.1 101 x',
]
const FIELDS = [
  'Content-Length: 4',
  'Transfer-Encoding: chunked',
  'Content-Type: text/html',
  'Set-Cookie: a',
  'Set-Cookie: b',
  'Connection: close',
  'Date: x',
  'Location: http://b.test/',
]
const ODD_FIELDS = [
  'Content-Length: 4',
  'Content-Length: 5',
  'Content-Length: -1',
  'Transfer-Encoding: gzip',
  'X',
  ' folded',
  'X : y',
  'X: \xff',
  'X:\0',
  'Alt-Svc: h3',
  'Proxy-Connection: x',
  'X-Drydock-Denied: host',
  'Connection: set-cookie',
  'X: a\nb: c',
  'Upgrade: h2c',
]

/** A response head as a hostile server may send it. */
function makeResponse(random: Random): Buffer {
  const fields = random.list(5, () => random.mostly(FIELDS, ODD_FIELDS))
  const end = random.mostly(['\r\n'], ['\r\n', '\r\n', '\n', '\r\r\n'])
  const text = [random.mostly(LINES, ODD_LINES), ...fields, '', ''].join(end)
  const bytes = Buffer.from(`${text}${random.pick(['', 'abcd'])}`, 'latin1')
  return random.oneIn(4) ? random.mutate(bytes) : bytes
}

export const responses = target<{ bytes: Buffer; method: string }>({
  name: 'response heads',
  weight: 6,
  leastAccepted: 0.35,
  make: (random) => ({ bytes: makeResponse(random), method: random.pick(['GET', 'GET', 'HEAD', 'POST']) }),
  async check({ bytes, method }, random) {
    mustScanAlike('response', bytes, random)
    const scan = new HeadScanner('response').scan(bytes)
    if (scan.kind !== 'head') return 'refused'
    const head = parseResponseHead(bytes.toString('latin1', scan.start, scan.end))
    if (head === undefined) return 'refused'
    must(head.status >= 100 && head.status <= 999, `the status ${head.status}`)
    must(head.fields.every(isWritable), 'a field that cannot be written')
    if (head.status >= 200) await mustReadAlike(head, method)
    return 'accepted'
  },
})

/** What the sandbox is given reads as the answer that was understood. */
async function mustReadAlike(head: ResponseHead, method: string): Promise<void> {
  const framing = responseFraming(method, head)
  const body = framing.kind === 'length' && framing.length > 4096 ? { kind: 'length' as const, length: 4 } : framing
  const fields = responseFieldsToForward(head.fields, head.connection)
  const text = responseText({ status: head.status, fields, body, close: body.kind === 'close' })
  const content =
    body.kind === 'length' ? 'b'.repeat(body.length) : body.kind === 'chunked' ? '4\r\nbbbb\r\n0\r\n\r\n' : ''
  const other = await readResponse(Buffer.from(text + content, 'latin1'), method)
  must(other !== undefined, `another parser refuses what is given to the sandbox: ${JSON.stringify(text)}`)
  mustEqual(other.status, head.status, 'the status')
  const carried = other.fields.filter(([name]) => !FRAME.has(name))
  mustEqual(
    carried,
    fields.map(({ key, value }) => [key, value]),
    'the fields of the answer',
  )
  if (body.kind === 'close') return
  const expected = body.kind === 'chunked' ? 'bbbb' : content
  mustEqual([other.complete, other.body], [true, expected], `the body of the answer (${body.kind})`)
}

const FRAME = new Set(['content-length', 'transfer-encoding', 'connection'])
