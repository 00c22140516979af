import { Duplex } from 'node:stream'
import { TLSSocket, connect, createSecureContext, type ConnectionOptions } from 'node:tls'
import { MAX_HELLO_BYTES, readClientHello, type HelloReading } from '../../sandbox-policy/gateway/tls/client-hello.ts'
import { judgeHello } from '../../sandbox-policy/gateway/tls/judge.ts'
import { makeName, mustBeNoAddress } from './names.ts'
import type { Random } from './random.ts'
import { cuts, must, mustEqual, target, type AnyTarget } from './target.ts'

const REAL: readonly ConnectionOptions[] = [
  { servername: 'a.test', ALPNProtocols: ['h2', 'http/1.1'] },
  { servername: 'registry.npmjs.org', maxVersion: 'TLSv1.2' },
  { servername: 'x'.repeat(63) + '.test', minVersion: 'TLSv1.3' },
  { servername: '' },
]
/** One in so many of the accepted ones is shown to OpenSSL, which takes its time. */
const SAMPLE = 20

/** The reader of ClientHellos, fed with those of real clients, with built ones, and with both after an accident. */
export async function hellos(): Promise<AnyTarget> {
  const real = await Promise.all(REAL.map(captureHello))
  return target<Buffer>({
    name: 'ClientHellos',
    weight: 8,
    leastAccepted: 0.35,
    make: (random) => {
      const hello = random.oneIn(3) ? random.pick(real) : makeHello(random)
      return random.oneIn(3) ? random.mutate(hello) : hello
    },
    async check(bytes, random) {
      const reading = readClientHello(bytes)
      mustReadAlikeInPieces(bytes, reading, random)
      const judged = judgeHello(reading, undefined)
      if ('name' in judged) mustBeNoAddress(judged.name)
      if (reading.kind !== 'hello') return 'refused'
      const { serverName } = reading.hello
      mustEqual(allNames(withoutRecords(bytes)), serverName === undefined ? [] : [serverName], 'the names in it')
      if (random.oneIn(SAMPLE)) await mustBeOpenSslsName(bytes, serverName)
      return 'accepted'
    },
  })
}

/** At every length it asks for more, never for less than it has or for more than it may; then it says the same. */
function mustReadAlikeInPieces(bytes: Buffer, whole: HelloReading, random: Random): void {
  for (const length of cuts(bytes.length, random, 16)) {
    const reading = readClientHello(bytes.subarray(0, length))
    if (reading.kind === 'need-more') {
      must(
        reading.atLeast > length && reading.atLeast <= MAX_HELLO_BYTES,
        `at ${length} bytes it asks for ${reading.atLeast}`,
      )
      continue
    }
    // Complete and followed by more, or already beyond hope: more bytes may only make it worse.
    const same = JSON.stringify(reading) === JSON.stringify(whole)
    must(same || reading.kind !== 'hello' || whole.kind !== 'hello', `at ${length} bytes it reads another hello`)
    if (reading.kind !== 'hello') mustEqual(reading, whole, `at ${length} bytes`)
  }
}

/** The hello as OpenSSL understands it: where it finds a name, it is the name that was decided on. */
async function mustBeOpenSslsName(bytes: Buffer, name: string | undefined): Promise<void> {
  const other = await openSslName(bytes)
  if (other.outcome === 'name') mustEqual(other.name, name, 'the name to OpenSSL')
  if (other.outcome === 'none') must(name === undefined, `OpenSSL goes on without a name, we read ${name}`)
}

const u16 = (value: number) => [(value >> 8) & 255, value & 255]
const sized = (bytes: readonly number[]) => [...u16(bytes.length), ...bytes]
const ascii = (text: string) => [...Buffer.from(text, 'latin1')]

function serverName(random: Random): number[] {
  const entry = () => [random.oneIn(12) ? 1 : 0, ...sized(ascii(makeName(random)))]
  const list = random.oneIn(12) ? random.list(3, entry).flat() : entry()
  return [0, 0, ...sized([...sized(list), ...(random.oneIn(30) ? [0] : [])])]
}

const EXTENSIONS: readonly ((random: Random) => number[])[] = [
  () => [0, 16, ...sized(sized([2, ...ascii('h2'), 8, ...ascii('http/1.1')]))],
  () => [0, 16, ...sized(sized([0]))],
  () => [0, 43, ...sized([4, 3, 4, 3, 3])],
  () => [0, 10, ...sized(sized([0, 29, 0, 23]))],
  () => [0, 13, ...sized(sized([4, 3, 8, 4, 4, 1]))],
  () => [0xfe, 0x0d, ...sized([0, 0, 1, 0, 1, 0])],
  (random) => [0, 21, ...sized(Array<number>(random.int(random.oneIn(20) ? 9000 : 200)).fill(0))],
  (random) => [...u16(random.int(65536)), ...sized([...random.bytes(12)])],
]

/** A ClientHello of any extensions, in records of any length. */
function makeHello(random: Random): Buffer {
  const extensions = random.list(4, () => random.pick(EXTENSIONS)(random))
  if (!random.oneIn(8)) extensions.splice(random.int(extensions.length + 1), 0, serverName(random))
  if (random.oneIn(30)) extensions.push(serverName(random))
  const session = random.oneIn(2) ? [0] : [32, ...Array<number>(32).fill(9)]
  const body = [
    3,
    3,
    ...Array<number>(32).fill(7),
    ...session,
    ...sized([0x13, 1, 0xc0, 0x2b, 0xc0, 0x2f]),
    1,
    0,
    ...sized(extensions.flat()),
  ]
  const message = [1, 0, ...u16(body.length), ...body]
  const size = random.oneIn(3) ? 1 + random.int(60) : 16_384
  const records: number[] = []
  for (let at = 0; at < message.length; at += size)
    records.push(22, 3, random.pick([1, 1, 3]), ...sized(message.slice(at, at + size)))
  return Buffer.from(records)
}

/** As the name may be cut in two by a record's header. */
function withoutRecords(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3))
    parts.push(bytes.subarray(at + 5, at + 5 + bytes.readUInt16BE(at + 3)))
  return Buffer.concat(parts)
}

/** Every entry of every server_name extension, found by counting alone. */
function allNames(message: Buffer): string[] {
  let at = 38
  at += 1 + message.readUInt8(at)
  at += 2 + message.readUInt16BE(at)
  at += 1 + message.readUInt8(at)
  const names: string[] = []
  for (at += 2; at + 4 <= message.length;) {
    const [type, end] = [message.readUInt16BE(at), at + 4 + message.readUInt16BE(at + 2)]
    for (let entry = at + 6; type === 0 && entry + 3 <= end; entry += 3 + message.readUInt16BE(entry + 1))
      names.push(message.toString('latin1', entry + 3, entry + 3 + message.readUInt16BE(entry + 1)))
    at = end
  }
  return names
}

/** A connection without a network. */
class Wire extends Duplex {
  readonly #onWrite: (bytes: Buffer) => void

  constructor(onWrite: (bytes: Buffer) => void) {
    super()
    this.#onWrite = onWrite
  }

  override _read(): void {}
  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.#onWrite(bytes)
    done()
  }
}

function captureHello(options: ConnectionOptions): Promise<Buffer> {
  return new Promise((resolve) => {
    const wire = new Wire((bytes) => {
      resolve(Buffer.from(bytes))
      wire.destroy()
    })
    connect({ socket: wire, ...options }).on('error', () => undefined)
  })
}

type OtherName = { outcome: 'name'; name: string } | { outcome: 'none' } | { outcome: 'refused' }
const context = createSecureContext()

/** Exported for its own test. */
export function openSslName(bytes: Buffer): Promise<OtherName> {
  return new Promise((resolve) => {
    // An alert is a refusal; a ServerHello without a question for the name before it means that there was none.
    const wire = new Wire((sent) => settle({ outcome: sent[0] === 22 ? 'none' : 'refused' }))
    const SNICallback = (name: string) => settle({ outcome: 'name', name })
    const socket = new TLSSocket(wire, { isServer: true, secureContext: context, SNICallback })
    const settle = (result: OtherName) => {
      clearTimeout(timer)
      resolve(result)
      socket.destroy()
      wire.destroy()
    }
    const timer = setTimeout(() => settle({ outcome: 'refused' }), 50)
    for (const event of ['error', '_tlsError', 'close']) socket.on(event, () => settle({ outcome: 'refused' }))
    wire.on('error', () => undefined)
    wire.push(bytes)
  })
}
