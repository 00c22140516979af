import { createHash } from 'node:crypto'

const MAGIC = 0xfeedfeed
const VERSION = 2
const TRUSTED_CERTIFICATE = 2
/** What every Java trust store is sealed with; the password is as public. */
const SALT = 'Mighty Aphrodite'
export const STORE_PASSWORD = 'changeit'

/** Writes certificates (DER) as a Java trust store, which every Java since 1.2 reads. */
export function trustStore(certificates: readonly Buffer[], at: Date): Buffer {
  const parts = [words(MAGIC, VERSION, certificates.length)]
  certificates.forEach((certificate, i) => {
    const time = Buffer.alloc(8)
    time.writeBigUInt64BE(BigInt(at.getTime()))
    parts.push(words(TRUSTED_CERTIFICATE), text(`drydock-${i}`), time)
    parts.push(text('X.509'), words(certificate.length), certificate)
  })
  const body = Buffer.concat(parts)
  const seal = createHash('sha1').update(utf16be(STORE_PASSWORD)).update(SALT).update(body).digest()
  return Buffer.concat([body, seal])
}

function words(...values: number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length)
  values.forEach((value, i) => buffer.writeUInt32BE(value, 4 * i))
  return buffer
}

/** Java's own UTF-8; for ASCII it is the usual one. */
function text(value: string): Buffer {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(value.length)
  return Buffer.concat([length, Buffer.from(value, 'ascii')])
}

const utf16be = (value: string) => Buffer.from(value, 'utf16le').swap16()
