// The few parts of DNS messages (RFC 1035) that a server needs which never forwards: one question in, its bytes echoed out.
// Reading the question's bytes here, not a decoder's joined string, keeps labels apart that contain a dot.

export const RCODE = { ok: 0, nameError: 3, refused: 5 } as const
export type Rcode = (typeof RCODE)[keyof typeof RCODE]
export const TYPE_A = 1
export const CLASS_IN = 1
/** What EDNS clients send stays far below; a packet that fits no question needs no answer. */
export const MAX_QUERY_BYTES = 1232

export type DnsQuery = {
  id: number
  recursionDesired: boolean
  /** The labels joined by dots, byte for byte as Latin-1; a label's own dots and controls are escaped as `\DDD`. */
  asked: string
  /** A label held bytes that would change the meaning of the joined name. */
  ambiguous: boolean
  type: number
  class: number
  /** The question as received, spelling included. */
  question: Uint8Array
  edns: boolean
}

const HEADER = 12
const MAX_NAME = 255

/** Reads a query with exactly one question; undefined: not one, which deserves no answer. */
export function readQuery(bytes: Uint8Array): DnsQuery | undefined {
  if (bytes.length < HEADER + 5 || bytes.length > MAX_QUERY_BYTES) return undefined
  const at = (index: number) => bytes[index] ?? 0
  const word = (index: number) => at(index) * 256 + at(index + 1)
  const isQuery = (at(2) & 0x80) === 0
  const opcode = (at(2) >> 3) & 0x0f
  const truncated = (at(2) & 0x02) !== 0
  if (!isQuery || opcode !== 0 || truncated) return undefined
  if (word(4) !== 1 || word(6) !== 0 || word(8) !== 0 || word(10) > 1) return undefined
  const name = readName(bytes)
  if (name === undefined || bytes.length < name.end + 4) return undefined
  const end = name.end + 4
  const edns = word(10) === 1
  if (edns ? !isOpt(bytes.subarray(end)) : bytes.length !== end) return undefined
  return {
    id: word(0),
    recursionDesired: (at(2) & 0x01) !== 0,
    asked: name.text,
    ambiguous: name.ambiguous,
    type: word(name.end),
    class: word(name.end + 2),
    question: bytes.subarray(HEADER, end),
    edns,
  }
}

/** An OPT record (RFC 6891) and nothing else: root name, type, and as much data as it says. */
function isOpt(bytes: Uint8Array): boolean {
  const at = (index: number) => bytes[index] ?? 0
  if (bytes.length < 11) return false
  return at(0) === 0 && at(1) === 0 && at(2) === 41 && bytes.length === 11 + at(9) * 256 + at(10)
}

/** The question's name. Nothing stands before it, so a compression pointer has nothing to point to. */
function readName(bytes: Uint8Array): { text: string; end: number; ambiguous: boolean } | undefined {
  const labels: string[] = []
  let ambiguous = false
  let at = HEADER
  for (;;) {
    const length = bytes[at]
    if (length === undefined || length > 63 || at + 1 + length - HEADER > MAX_NAME) return undefined
    at += 1
    if (length === 0) return { text: labels.join('.'), end: at, ambiguous }
    const label = bytes.subarray(at, at + length)
    if (label.length !== length) return undefined
    const plain = label.every((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c)
    if (!plain) ambiguous = true
    labels.push(plain ? Buffer.from(label).toString('latin1') : escaped(label))
    at += length
  }
}

function escaped(label: Uint8Array): string {
  return Array.from(label, (byte) =>
    byte > 0x20 && byte < 0x7f && byte !== 0x2e && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\${String(byte).padStart(3, '0')}`,
  ).join('')
}

/** An answer to a query: its question as spelled, and an address where there is one. */
export function writeAnswer(query: DnsQuery, answer: { rcode: Rcode; address?: string; ttl?: number }): Buffer {
  const header = Buffer.alloc(HEADER)
  header.writeUInt16BE(query.id, 0)
  // QR, AA, RA; RD as asked. Authoritative: nothing behind it would know better.
  header[2] = 0x84 | (query.recursionDesired ? 1 : 0)
  header[3] = 0x80 | answer.rcode
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(answer.address === undefined ? 0 : 1, 6)
  header.writeUInt16BE(query.edns ? 1 : 0, 10)
  const parts: Uint8Array[] = [header, query.question]
  if (answer.address !== undefined) parts.push(addressRecord(answer.address, answer.ttl ?? 0))
  if (query.edns) parts.push(OPT)
  return Buffer.concat(parts)
}

/** Root name, type OPT, our size, no flags, no options. */
const OPT = Buffer.from([0, 0, 41, MAX_QUERY_BYTES >> 8, MAX_QUERY_BYTES & 0xff, 0, 0, 0, 0, 0, 0])

/** An A record whose name points to the question's. */
function addressRecord(address: string, ttl: number): Buffer {
  const record = Buffer.alloc(16)
  record.writeUInt16BE(0xc000 | HEADER, 0)
  record.writeUInt16BE(TYPE_A, 2)
  record.writeUInt16BE(CLASS_IN, 4)
  record.writeUInt32BE(ttl, 6)
  record.writeUInt16BE(4, 10)
  address.split('.').forEach((part, index) => record.writeUInt8(Number(part), 12 + index))
  return record
}
