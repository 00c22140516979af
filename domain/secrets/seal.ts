// A sealed value: version (1 byte), key id (8), nonce (12), tag (16), ciphertext. AES-256-GCM; the place of the value
// and the bytes before the nonce are authenticated, so a value that is moved to another row or column does not open.

import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { DrydockError } from '../errors.ts'
import { KEY_ID_BYTES } from './keyring.ts'
import type { Keyring } from './keyring.ts'

const VERSION = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16
const HEAD_BYTES = 1 + KEY_ID_BYTES
const OVERHEAD = HEAD_BYTES + NONCE_BYTES + TAG_BYTES

/** Where a value lives. */
export type Place = { table: string; row: string; column: string }
export type Sealed = { keyId: string; bytes: Buffer }

/** Encrypts a value for its place, with the current key. */
export function seal({ current }: Keyring, plaintext: string | Uint8Array, place: Place): Sealed {
  const head = Buffer.concat([Buffer.of(VERSION), Buffer.from(current.id, 'hex')])
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv('aes-256-gcm', current.key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(aad(head, place))
  const plain = typeof plaintext === 'string' ? Buffer.from(plaintext) : plaintext
  const text = Buffer.concat([cipher.update(plain), cipher.final()])
  return { keyId: current.id, bytes: Buffer.concat([head, nonce, cipher.getAuthTag(), text]) }
}

/** Decrypts a value of a place. Rejects with `key-unavailable`, naming the key, when it is absent or the value is not ours. */
export function open(keyring: Keyring, bytes: Uint8Array, place: Place): Buffer {
  const sealed = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const keyId = sealedWith(sealed)
  const master = keyring.find(keyId)
  if (master === undefined) {
    throw new DrydockError(
      'key-unavailable',
      `Cannot open ${nameOf(place)}: it is sealed with master key ${keyId}, which this server does not have. Give it back that key, or set the value again`,
    )
  }
  const nonce = sealed.subarray(HEAD_BYTES, HEAD_BYTES + NONCE_BYTES)
  const decipher = createDecipheriv('aes-256-gcm', master.key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(sealed.subarray(HEAD_BYTES + NONCE_BYTES, OVERHEAD))
  decipher.setAAD(aad(sealed.subarray(0, HEAD_BYTES), place))
  try {
    return Buffer.concat([decipher.update(sealed.subarray(OVERHEAD)), decipher.final()])
  } catch {
    throw new DrydockError(
      'key-unavailable',
      `Cannot open ${nameOf(place)}: it was changed or moved since it was sealed with master key ${keyId}. Set the value again`,
    )
  }
}

/** The id of the key that a value is sealed with. */
export function sealedWith(bytes: Uint8Array): string {
  if (bytes.length < OVERHEAD || bytes[0] !== VERSION) {
    throw new DrydockError('key-unavailable', 'Cannot open a sealed value: it does not have the form of one')
  }
  return Buffer.from(bytes.subarray(1, HEAD_BYTES)).toString('hex')
}

const aad = (head: Buffer, { table, row, column }: Place) =>
  Buffer.concat([head, Buffer.from([table, row, column].join('|'))])

const nameOf = ({ table, row, column }: Place) => `${table}.${column} of ${row}`
