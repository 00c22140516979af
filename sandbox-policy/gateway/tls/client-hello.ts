/** What the gateway decides on in a ClientHello. Names are as spelled, not yet canonical. */
export type ClientHello = {
  /** Undefined: no server_name extension. */
  serverName: string | undefined
  alpn: readonly string[]
  /** An encrypted_client_hello extension: the name that counts may be another one, hidden in it. */
  encrypted: boolean
}

export type HelloReading =
  /** Ask again when that many bytes are there. */
  | { kind: 'need-more'; atLeast: number }
  | { kind: 'hello'; hello: ClientHello }
  | { kind: 'not-tls' }
  | { kind: 'malformed' }
  | { kind: 'too-large' }

/** Bytes of a ClientHello with its record headers. The largest seen in the wild are about 4 KiB. */
export const MAX_HELLO_BYTES = 16 * 1024
/** Far more than any client sends; bounds the work that one-byte records make. */
const MAX_RECORDS = 64
const RECORD_HEADER = 5
const MESSAGE_HEADER = 4
const HANDSHAKE = 0x16
const CLIENT_HELLO = 1
const EXTENSION = { serverName: 0, alpn: 16, encryptedClientHello: 0xfe0d } as const

/** Reads the ClientHello at the beginning of a stream, from as much of it as is there. Never throws. */
export function readClientHello(bytes: Uint8Array): HelloReading {
  const message = joinRecords(bytes)
  if ('kind' in message) return message
  try {
    return { kind: 'hello', hello: parseMessage(new Reader(message)) }
  } catch (error) {
    if (error instanceof OutOfBounds) return { kind: 'malformed' }
    throw error
  }
}

/** The handshake message without its record headers, once all of it is there. */
function joinRecords(bytes: Uint8Array): HelloReading | Uint8Array {
  if (bytes.length === 0) return { kind: 'need-more', atLeast: 1 }
  if (bytes[0] !== HANDSHAKE) return { kind: 'not-tls' }
  const parts: Uint8Array[] = []
  let at = 0
  for (let record = 0; record < MAX_RECORDS; record += 1) {
    const body = at + RECORD_HEADER
    if (body > MAX_HELLO_BYTES) return { kind: 'too-large' }
    if (at < bytes.length && bytes[at] !== HANDSHAKE) return { kind: 'malformed' }
    if (at + 1 < bytes.length && bytes[at + 1] !== 3) return { kind: 'malformed' }
    if (bytes.length < body) return { kind: 'need-more', atLeast: body }
    const end = body + word(bytes, at + 3)
    if (end === body) return { kind: 'malformed' }
    if (end > MAX_HELLO_BYTES) return { kind: 'too-large' }
    if (bytes.length < end) return { kind: 'need-more', atLeast: end }
    parts.push(bytes.subarray(body, end))
    const message = wholeMessage(parts)
    if (message !== undefined) return message
    at = end
  }
  return { kind: 'malformed' }
}

/** The message, or why it cannot be one; undefined: it goes on. Nothing may follow it: a client waits for the answer. */
function wholeMessage(parts: readonly Uint8Array[]): HelloReading | Uint8Array | undefined {
  const joined = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
  if (byteAt(joined, 0) !== CLIENT_HELLO) return { kind: 'malformed' }
  if (joined.length < MESSAGE_HEADER) return undefined
  const length = MESSAGE_HEADER + byteAt(joined, 1) * 65536 + word(joined, 2)
  if (length > MAX_HELLO_BYTES) return { kind: 'too-large' }
  if (joined.length > length) return { kind: 'malformed' }
  return joined.length === length ? joined : undefined
}

function parseMessage(message: Reader): ClientHello {
  message.skip(MESSAGE_HEADER)
  require(message.number(1) === 3)
  message.skip(1 + 32)
  require(message.block(1).left <= 32)
  const suites = message.block(2).left
  require(suites >= 2 && suites % 2 === 0)
  require(message.block(1).left >= 1)
  const hello: ClientHello = { serverName: undefined, alpn: [], encrypted: false }
  if (message.left === 0) return hello
  const extensions = message.block(2)
  require(message.left === 0)
  const seen = new Set<number>()
  while (extensions.left > 0) {
    const type = extensions.number(2)
    require(!seen.has(type))
    seen.add(type)
    const body = extensions.block(2)
    if (type === EXTENSION.serverName) hello.serverName = serverName(body)
    else if (type === EXTENSION.alpn) hello.alpn = alpn(body)
    else if (type === EXTENSION.encryptedClientHello) hello.encrypted = true
  }
  return hello
}

/** Exactly one name of the one type that there is. */
function serverName(body: Reader): string {
  const list = body.block(2)
  require(body.left === 0 && list.number(1) === 0)
  const name = list.block(2)
  require(list.left === 0 && name.left > 0 && name.left <= 255)
  return name.text()
}

function alpn(body: Reader): string[] {
  const list = body.block(2)
  require(body.left === 0 && list.left > 0)
  const names: string[] = []
  while (list.left > 0) {
    const name = list.block(1)
    require(name.left > 0)
    names.push(name.latin1())
  }
  return names
}

class OutOfBounds extends Error {}

function require(condition: boolean): void {
  if (!condition) throw new OutOfBounds()
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] ?? 0
}

function word(bytes: Uint8Array, at: number): number {
  return byteAt(bytes, at) * 256 + byteAt(bytes, at + 1)
}

/** Reads big-endian fields; throws OutOfBounds at the end. */
class Reader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  skip(count: number): void {
    require(count <= this.left)
    this.#at += count
  }

  number(size: 1 | 2): number {
    require(size <= this.left)
    const value = size === 1 ? byteAt(this.#bytes, this.#at) : word(this.#bytes, this.#at)
    this.#at += size
    return value
  }

  /** A block after its length. */
  block(lengthSize: 1 | 2): Reader {
    const length = this.number(lengthSize)
    require(length <= this.left)
    const block = new Reader(this.#bytes.subarray(this.#at, this.#at + length))
    this.#at += length
    return block
  }

  /** The rest, which must be visible ASCII. */
  text(): string {
    require(this.#bytes.subarray(this.#at).every((byte) => byte > 0x20 && byte < 0x7f))
    return this.latin1()
  }

  latin1(): string {
    return Buffer.from(this.#bytes.subarray(this.#at)).toString('latin1')
  }
}
