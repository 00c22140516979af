import { randomBytes } from 'node:crypto'

const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** A new identifier: 16 characters of Crockford base32, 80 random bits. Safe in a branch name, a label and a URL. */
export function newId(): string {
  // Five bits of each byte: all characters are as likely.
  return Array.from(randomBytes(16), (byte) => ALPHABET.charAt(byte & 31)).join('')
}
