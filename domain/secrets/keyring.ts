import { createHmac, createSecretKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { DrydockError } from '../errors.ts'

const KEY_BYTES = 32
export const KEY_ID_BYTES = 8
const BASE64 = /^[A-Za-z0-9+/]{43}=?$/

/** A master key. Its id names it in sealed values and says nothing about it. */
export type MasterKey = { id: string; key: KeyObject }

/** The master keys of an installation: new values are sealed with `current`, old ones opened with theirs. */
export interface Keyring {
  readonly current: MasterKey
  find(id: string): MasterKey | undefined
}

/** Reads master keys, 32 bytes in base64 each, the current one first. Errors never repeat what was given. */
export function parseKeyring(encoded: readonly string[]): Keyring {
  const keys = encoded.map(parseKey)
  const [current] = keys
  if (current === undefined) throw invalid('there is none')
  return { current, find: (id) => keys.find((key) => key.id === id) }
}

function parseKey(text: string, index: number): MasterKey {
  const raw = BASE64.test(text.trim()) ? Buffer.from(text.trim(), 'base64') : Buffer.alloc(0)
  if (raw.length !== KEY_BYTES) throw invalid(`number ${index + 1} is not 32 bytes in base64`)
  if (raw.every((byte) => byte === raw[0])) throw invalid(`number ${index + 1} is one byte repeated`)
  const id = createHmac('sha256', raw).update('drydock master key').digest().subarray(0, KEY_ID_BYTES).toString('hex')
  return { id, key: createSecretKey(raw) }
}

const invalid = (why: string) =>
  new DrydockError(
    'config-invalid',
    `Cannot read the master keys: ${why}. Make one with: openssl rand -base64 ${KEY_BYTES}`,
  )
