import { requestText } from '../../sandbox-policy/gateway/http/codec/build.ts'
import type { Field } from '../../sandbox-policy/gateway/http/codec/field.ts'
import { requestFieldsToForward, type Framing } from '../../sandbox-policy/gateway/http/codec/fields.ts'
import {
  hasBody,
  parseRequestHead,
  refusalOf,
  type RequestHead,
} from '../../sandbox-policy/gateway/http/codec/request.ts'
import { HeadScanner } from '../../sandbox-policy/gateway/http/codec/scan.ts'
import { routeOf } from '../../sandbox-policy/gateway/http/route.ts'
import { readRequests, valuesOf, type OtherReading } from './llhttp.ts'
import { mustBeNoAddress, plainReading } from './names.ts'
import type { Random } from './random.ts'
import { cuts, must, mustEqual, target } from './target.ts'

const METHODS = ['GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'CONNECT', 'DELETE']
const ODD_METHODS = [
  'get',
  'G\tET',
  'GET ',
  '',
  'GET\0',
  'PRI',
  'TRACE',
  'X'.repeat(40),
  '\x80',
  'GET\r\nX: y\r\n\r\nGET',
  'M-SEARCH',
]
const HOSTS = ['a.test', 'a.test:80', 'x.cdn.test', 'A.Test.', 'a.test:8080']
const ODD_HOSTS = [
  '',
  'a.test ',
  'a.test, b.test',
  '127.0.0.1',
  '[::1]',
  'a.test:',
  'a.test\0b.test',
  'user@a.test',
  'b.test',
  '0x7f.1',
  '\xe4.test',
  '10.213.0.6',
]
const PATHS = ['/', '/a?b', '/a/b', '/a%20b?c=d&e', '*']
const ODD_PATHS = [
  '',
  '/a b',
  '/a#b',
  '/\x80',
  '//b.test/',
  '?',
  '/\t',
  'http://b.test/',
  '/a\rb',
  '/../a',
  `/${'a'.repeat(8200)}`,
  'a.test:443',
]
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0']
const ODD_VERSIONS = ['HTTP/1.2', 'http/1.1', 'HTTP/1.1 ', 'HTTP/0.9', '', 'HTTP/2.0', 'HTTP/1.1\t', 'HTTP/1.10']
const FRAMINGS = ['Content-Length: 4', 'Transfer-Encoding: chunked', 'Content-Length: 0', 'Transfer-Encoding: Chunked']
const ODD_FRAMINGS = [
  ...[
    'Content-Length: 4, 4',
    'Content-Length : 4',
    ' Content-Length: 4',
    'Content-Length: +4',
    'Content-Length: 0x4',
    'Content-Length:',
  ],
  ...[
    'Content-Length: 99999999999999999999',
    'Transfer-Encoding: chunked, identity',
    'Transfer-Encoding: identity',
    'Transfer-Encoding: x\r\n chunked',
  ],
  ...[
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding:\x0bchunked',
    'Transfer-Encoding : chunked',
    'Content_Length: 4',
    'Content-Length: 4\r',
  ],
]
const LINES = [
  'Accept: */*',
  'Cookie: a=b',
  'X-A:\tb \t',
  'x-empty:',
  'Connection: keep-alive',
  'Connection: close',
  'Accept-Encoding: gzip',
  'TE: trailers',
]
const ODD_LINES = [
  ...[
    'Host: b.test',
    'X',
    ':',
    'X: a\nY: b',
    ' X: y',
    'X: \xff',
    'X:\0',
    'X : y',
    'X\t: y',
    'X: y\r',
    '"X": y',
    'X-\xe4: y',
    'Connection: host, content-length',
  ],
  ...[
    'Expect: 100-continue',
    'Expect: 200-ok',
    'Upgrade: websocket\r\nConnection: Upgrade',
    'Upgrade: h2c',
    'Proxy-Authorization: x',
    'X-Forwarded-Host: b.test',
  ],
  ...[
    'Trailer: Host',
    'HTTP2-Settings: x',
    'Keep-Alive: x',
    'Connection: transfer-encoding',
    'X: y\r\n\r\nGET /hidden HTTP/1.1\r\nHost: b.test',
  ],
]

/** A request head as a sandbox may send it, and what follows it. */
export function makeRequest(random: Random): Buffer {
  const method = random.mostly(METHODS, ODD_METHODS)
  const host = random.mostly(HOSTS, ODD_HOSTS)
  const path = random.mostly(PATHS, ODD_PATHS)
  const line =
    method === 'CONNECT' && !random.oneIn(6)
      ? `${host}${random.oneIn(3) ? '' : ':443'}`
      : random.oneIn(3)
        ? `http://${host}${path}`
        : path
  const lines = random.list(3, () => random.mostly(LINES, ODD_LINES))
  if (!random.oneIn(20)) lines.unshift(`Host: ${random.oneIn(20) ? random.pick(ODD_HOSTS) : host}`)
  if (random.oneIn(2)) lines.push(random.mostly(FRAMINGS, ODD_FRAMINGS))
  if (random.oneIn(30)) lines.push(random.pick(FRAMINGS))
  const end = random.mostly(['\r\n'], ['\r\n', '\r\n', '\n', '\r', '\r\r\n'])
  const blank = random.oneIn(20) ? random.pick(['\r\n', '\r\n\r\n', '\n', '\r\n'.repeat(6)]) : ''
  const text = `${blank}${method} ${line} ${random.mostly(VERSIONS, ODD_VERSIONS)}${end}${lines.map((each) => `${each}${end}`).join('')}${end}`
  const bytes = Buffer.from(`${text}${random.pick(['', 'abcd', '4\r\nabcd\r\n0\r\n\r\n', '0\r\n\r\n'])}`, 'latin1')
  return random.oneIn(5) ? random.mutate(bytes) : bytes
}

export const requests = target<Buffer>({
  name: 'request heads',
  weight: 10,
  leastAccepted: 0.15,
  make: makeRequest,
  check(bytes, random) {
    const scan = new HeadScanner('request').scan(bytes)
    mustScanAlike('request', bytes, random)
    if (scan.kind === 'fault') refusalOf(scan.fault, bytes)
    if (scan.kind !== 'head') return 'refused'
    const head = parseRequestHead(bytes.toString('latin1', scan.start, scan.end))
    if ('refused' in head) return 'refused'
    mustAgreeOnOriginal(bytes.subarray(scan.start, scan.end), head)
    if (head.form === 'authority') return 'accepted'
    return mustPassOnWhatItRead(head) ? 'accepted' : 'refused'
  },
})

/** The scanner finds the same end, or the same fault, however its bytes come. */
export function mustScanAlike(kind: 'request' | 'response', bytes: Buffer, random: Random): void {
  const whole = new HeadScanner(kind).scan(bytes)
  const pieces = new HeadScanner(kind)
  let scan: ReturnType<HeadScanner['scan']> = { kind: 'more' }
  for (const at of [...cuts(bytes.length, random, 6).sort((a, b) => a - b), bytes.length]) {
    scan = pieces.scan(bytes.subarray(0, at))
    if (scan.kind !== 'more') break
  }
  mustEqual(scan, whole, 'a head that comes in pieces')
}

/** Where Node's parser takes the head as it came, too, it reads the same. */
function mustAgreeOnOriginal(bytes: Buffer, head: RequestHead): void {
  const [other] = readRequests(Buffer.concat([bytes, bodyFor(head.body)])).requests
  if (other === undefined) return
  mustEqual([other.method, other.url], [head.method, head.target], 'the request line to another parser')
  mustFrameAlike(other, head.body, 'as it came')
}

/** What is built from the head reads as one request, the one that was decided. */
function mustPassOnWhatItRead(head: RequestHead): boolean {
  let passes = false
  for (const entry of ['proxy', 'plain'] as const) {
    const route = routeOf(head, { entry, gatewayAddress: '10.213.0.6' })
    if (route.kind !== 'upstream') continue
    passes = true
    mustBeNoAddress(route.name)
    mustEqual(plainReading((head.host ?? '').replace(/:\d+$/, '')), route.name, 'the Host field and where it goes')
    const url = head.query === undefined ? head.path : `${head.path}?${head.query}`
    const host = route.port === 80 ? route.name : `${route.name}:${String(route.port)}`
    const fields = requestFieldsToForward(head.fields, head.connection)
    const { method, body, expectContinue } = head
    const text = requestText({
      method,
      target: url,
      host,
      fields,
      body,
      expectContinue,
      upgrade: head.upgrade !== undefined,
    })
    const { requests, refused } = readRequests(Buffer.concat([Buffer.from(text, 'latin1'), bodyFor(body)]))
    const [other] = requests
    // Node knows the methods that are registered, no others.
    if (other === undefined && !NODE_METHODS.has(method)) continue
    must(
      other !== undefined && requests.length === 1 && !refused,
      `another parser refuses what goes out: ${JSON.stringify(text)}`,
    )
    mustEqual([other.method, other.url, valuesOf(other, 'host')], [method, url, [host]], 'what goes out')
    mustFrameAlike(other, body, 'as it goes out')
    mustCarry(other, fields)
  }
  return passes
}

function mustFrameAlike(other: OtherReading, body: Framing, when: string): void {
  if (valuesOf(other, 'upgrade').length > 0 || other.method === 'CONNECT') return
  const length =
    body.kind === 'length' && body.length > CAPPED
      ? ''
      : 'b'.repeat(body.kind === 'length' ? body.length : body.kind === 'chunked' ? 4 : 0)
  if (body.kind === 'length' && body.length > CAPPED) return
  mustEqual([other.complete, other.body], [true, length], `the body ${when} (${body.kind})`)
}

function mustCarry(other: OtherReading, fields: readonly Field[]): void {
  const carried = other.fields.filter(([name]) => !FRAME.has(name))
  mustEqual(
    carried,
    fields.filter(({ key }) => !FRAME.has(key)).map(({ key, value }) => [key, value]),
    'the fields that go out',
  )
}

const FRAME = new Set(['host', 'content-length', 'transfer-encoding', 'expect', 'connection', 'upgrade'])
const CAPPED = 4096

function bodyFor(body: Framing): Buffer {
  if (!hasBody(body)) return Buffer.alloc(0)
  if (body.kind === 'chunked') return Buffer.from('4\r\nbbbb\r\n0\r\n\r\n')
  return Buffer.alloc(body.kind === 'length' ? Math.min(body.length, CAPPED) : 0, 'b')
}

const NODE_METHODS = new Set(['GET', 'POST', 'HEAD', 'PUT', 'OPTIONS', 'DELETE', 'TRACE', 'M-SEARCH'])
