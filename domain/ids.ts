import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** A new identifier: 16 characters of Crockford base32, 80 random bits. Safe in a branch name, a label and a URL. */
export function newId(): string {
  let bits = 0n
  for (const byte of randomBytes(10)) bits = (bits << 8n) | BigInt(byte)
  let id = ''
  for (let i = 0; i < 16; i++) {
    id = ALPHABET[Number(bits & 31n)] + id
    bits >>= 5n
  }
  return id
}
