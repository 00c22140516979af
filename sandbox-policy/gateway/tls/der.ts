// As much of DER (X.690) as a certificate of ours needs. Writes only; nothing here reads.

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  time: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

function tagged(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents)
  return Buffer.concat([Buffer.from([tag, ...lengthOf(body.length)]), body])
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length]
  if (length < 0x100) return [0x81, length]
  return [0x82, length >> 8, length & 0xff]
}

export const sequence = (...items: readonly Uint8Array[]) => tagged(TAG.sequence, ...items)
export const setOf = (item: Uint8Array) => tagged(TAG.set, item)
export const octets = (contents: Uint8Array) => tagged(TAG.octets, contents)
export const utf8 = (text: string) => tagged(TAG.utf8, Buffer.from(text))
export const yes = () => tagged(TAG.boolean, Buffer.from([0xff]))
/** A positive integer whose first byte is below 0x80 and not zero, or a single byte. */
export const integer = (bytes: Uint8Array) => tagged(TAG.integer, bytes)
/** Whole bytes, or with so many unused bits at the end. */
export const bits = (contents: Uint8Array, unused = 0) => tagged(TAG.bits, Buffer.from([unused]), contents)
/** `[number]` around items. */
export const explicit = (number: number, ...items: readonly Uint8Array[]) => tagged(0xa0 | number, ...items)
/** `[number]` in place of a primitive item's own tag. */
export const implicit = (number: number, contents: Uint8Array) => tagged(0x80 | number, contents)

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return tagged(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f]
  for (let left = value >>> 7; left > 0; left >>>= 7) bytes.unshift(0x80 | (left & 0x7f))
  return bytes
}

/** RFC 5280: two digits of the year until 2049, four from 2050 on. Whole seconds, UTC. */
export function time(at: Date): Buffer {
  const digits = at.toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '')
  return at.getUTCFullYear() < 2050
    ? tagged(TAG.utcTime, Buffer.from(digits.slice(2)))
    : tagged(TAG.time, Buffer.from(digits))
}

export function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
