import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseKeyring } from '../../domain/secrets/keyring.ts'
import { open, seal, sealedWith } from '../../domain/secrets/seal.ts'

const newKey = () => randomBytes(32).toString('base64')
const place = { table: 'model_providers', row: 'r1', column: 'sealed_key' }

test('open() gives back what seal() was given, whatever it is', () => {
  const keyring = parseKeyring([newKey()])
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 1000 }), (bytes) => {
      expect(open(keyring, seal(keyring, bytes, place).bytes, place)).toEqual(Buffer.from(bytes))
    }),
  )
})

test('seal() never gives the same bytes twice, and none of the plaintext', () => {
  const keyring = parseKeyring([newKey()])
  const [one, two] = [seal(keyring, 'sk-canary-canary', place), seal(keyring, 'sk-canary-canary', place)]
  expect(one.bytes.equals(two.bytes)).toBe(false)
  expect(one.bytes.includes('canary')).toBe(false)
  expect([one.keyId, sealedWith(one.bytes)]).toEqual([keyring.current.id, keyring.current.id])
})

test.each([
  ['row', { ...place, row: 'r2' }],
  ['column', { ...place, column: 'other' }],
  ['table', { ...place, table: 'credentials' }],
])('open() refuses a value that was moved to another %s', (_, elsewhere) => {
  const keyring = parseKeyring([newKey()])
  const { bytes } = seal(keyring, 'secret', place)
  expect(open(keyring, bytes, place).toString()).toBe('secret')
  expect(() => open(keyring, bytes, elsewhere)).toThrow(/changed or moved/)
})

test('open() refuses a value of which any bit was changed, or that was cut', () => {
  const keyring = parseKeyring([newKey()])
  const { bytes } = seal(keyring, 'secret', place)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = Buffer.from(bytes)
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(() => open(keyring, changed, place)).toThrow()
  }
  for (let length = 0; length < bytes.length; length++) {
    expect(() => open(keyring, bytes.subarray(0, length), place)).toThrow()
  }
})

test('open() with another master key names the key that is missing, and neither key nor value', () => {
  const [ours, theirs] = [newKey(), newKey()]
  const { bytes, keyId } = seal(parseKeyring([theirs]), 'secret', place)
  try {
    open(parseKeyring([ours]), bytes, place)
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({ code: 'key-unavailable', message: expect.stringContaining(keyId) as unknown })
    expect(inspect(error, { depth: 9 })).not.toMatch(/secret"/)
    for (const key of [ours, theirs]) expect(inspect(error, { depth: 9 })).not.toContain(key)
  }
})

test('a keyring with a new key in front still opens what the old one sealed', () => {
  const [old, fresh] = [newKey(), newKey()]
  const { bytes } = seal(parseKeyring([old]), 'secret', place)
  const both = parseKeyring([fresh, old])
  expect(open(both, bytes, place).toString()).toBe('secret')
  expect(seal(both, 'x', place).keyId).not.toBe(sealedWith(bytes))
})

test('a keyring shows no key when it is printed or logged', () => {
  const key = newKey()
  const keyring = parseKeyring([key])
  const raw = Buffer.from(key, 'base64')
  const shown = inspect(keyring, { depth: 9, showHidden: true }) + JSON.stringify(keyring)
  for (const form of [key, raw.toString('hex'), raw.toString('latin1')]) expect(shown).not.toContain(form)
})

test.each([
  ['none', []],
  ['an empty one', ['']],
  ['31 bytes', [randomBytes(31).toString('base64')]],
  ['33 bytes', [randomBytes(33).toString('base64')]],
  ['hex', [randomBytes(32).toString('hex')]],
  ['zeros', [Buffer.alloc(32).toString('base64')]],
  ['a good one before a bad one', [newKey(), 'bad-key-canary']],
])('parseKeyring() refuses %s and repeats nothing of it', (_, keys) => {
  try {
    parseKeyring(keys)
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({ code: 'config-invalid' })
    for (const key of keys.filter((text) => text !== '')) expect(inspect(error)).not.toContain(key)
  }
})
