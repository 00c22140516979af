import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createCa, createLeafKey, openIssuer } from '../../../../sandbox-policy/gateway/tls/authority.ts'
import { openLeafAuthority } from '../../../../sandbox-policy/gateway/tls/leaves.ts'
import { openCaStore } from '../../../../sandbox-policy/gateway/tls/ca-store.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drydock-ca-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const yes = () => true
const HOUR = 3600_000

describe('openIssuer()', () => {
  const now = new Date('2026-11-23T12:00:00Z')
  const ca = createCa(now)
  const mint = openIssuer(ca)
  const key = createLeafKey()

  test('makes leaves for one name, for servers, for at most a day', () => {
    const leaf = new X509Certificate(mint('allowed.test', key, now).cert)
    expect(leaf.verify(new X509Certificate(ca.cert).publicKey)).toBe(true)
    expect(leaf.checkIssued(new X509Certificate(ca.cert))).toBe(true)
    expect(leaf.subjectAltName).toBe('DNS:allowed.test')
    expect(leaf.subject).toBe('CN=allowed.test')
    expect(leaf.ca).toBe(false)
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(Date.parse(leaf.validTo) - Date.parse(leaf.validFrom)).toBeLessThanOrEqual(24 * HOUR)
    expect(Date.parse(leaf.validFrom)).toBeLessThan(now.getTime())
    expect(Date.parse(leaf.validTo)).toBeGreaterThan(now.getTime() + 12 * HOUR)
  })

  test('leaves a common name out that is too long for one', () => {
    const name = `${'a'.repeat(60)}.${'b'.repeat(60)}.test`
    const leaf = new X509Certificate(mint(name, key, now).cert)
    expect(leaf.subjectAltName).toBe(`DNS:${name}`)
    expect(leaf.subject ?? '').toBe('')
    expect(new X509Certificate(mint(`${'a'.repeat(59)}.test`, key, now).cert).subject).toContain('CN=')
  })

  test('never uses a serial number twice', () => {
    const serials = Array.from({ length: 200 }, () => new X509Certificate(mint('a.test', key, now).cert).serialNumber)
    expect(new Set(serials).size).toBe(200)
    expect(serials.every((serial) => /^[4-7][0-9A-F]{31}$/.test(serial))).toBe(true)
  })

  test('refuses parts of different CAs', () => {
    const other = createCa(now)
    expect(() => openIssuer({ ...ca, key: other.key })).toThrow('do not belong together')
    expect(() => openIssuer({ ...ca, name: other.name })).toThrow('do not belong together')
  })
})

describe('openLeafAuthority()', () => {
  test('makes one CA for good, readable by its owner only', async () => {
    const first = await openLeafAuthority(folder)
    expect((await openLeafAuthority(folder)).caPem).toBe(first.caPem)
    expect(statSync(join(folder, 'ca.json')).mode & 0o777).toBe(0o600)
    const ca = new X509Certificate(first.caPem)
    expect(ca.ca).toBe(true)
    expect(ca.verify(ca.publicKey)).toBe(true)
    expect(first.trusted.join('')).not.toContain('PRIVATE')
  })

  test('is not disturbed by what a kill during creation leaves', async () => {
    writeFileSync(join(folder, 'ca.json.tmp'), '{"version":1,"act', { mode: 0o644 })
    await openLeafAuthority(folder)
    expect(statSync(join(folder, 'ca.json')).mode & 0o777).toBe(0o600)
  })

  test.each(['', '{}', 'x', '{"version":1,"active":{"name":"a","key":"b","cert":"c"}}'])(
    'refuses a damaged file (%j), and quotes nothing of it',
    async (text) => {
      writeFileSync(join(folder, 'ca.json'), text)
      await expect(openLeafAuthority(folder)).rejects.toThrow(/^Cannot open CA: \S+ca\.json is damaged/)
      expect(readFileSync(join(folder, 'ca.json'), 'utf8')).toBe(text)
    },
  )

  test('keeps a context per name, asks before it mints, and forgets the one used longest ago', async () => {
    const authority = await openLeafAuthority(folder, { maxKept: 2 })
    let asked = 0
    const of = (name: string, answer = true) => authority.contextFor(name, () => (asked++, answer))
    const a = of('a.test')
    expect(of('a.test')).toBe(a)
    expect(asked).toBe(1)
    expect(of('b.test', false)).toBeUndefined()
    of('b.test')
    of('a.test')
    of('c.test')
    expect(of('a.test')).toBe(a)
    asked = 0
    of('b.test')
    expect(asked).toBe(1)
  })

  test('renews long before a leaf ends, also after the clock was set back', async () => {
    let now = new Date('2026-11-23T12:00:00Z')
    const authority = await openLeafAuthority(folder, { now: () => now })
    const first = authority.contextFor('a.test', yes)
    now = new Date('2026-11-23T22:00:00Z')
    expect(authority.contextFor('a.test', yes)).toBe(first)
    now = new Date('2026-11-24T00:00:00Z')
    const second = authority.contextFor('a.test', yes)
    expect(second).not.toBe(first)
    now = new Date('2026-11-23T12:00:00Z')
    expect(authority.contextFor('a.test', yes)).not.toBe(second)
  })

  test('rotates with an overlap: both are trusted before the new one signs, and after; the old key is erased', async () => {
    const authority = await openLeafAuthority(folder)
    const old = authority.caPem
    const context = authority.contextFor('a.test', yes)
    const oldKey = (await openCaStore(folder)).cas.active.key
    await authority.rotate()
    const next = authority.nextCaPem
    await authority.rotate()
    expect(authority.nextCaPem).toBe(next)
    expect(authority.caPem).toBe(old)
    expect(authority.trusted).toEqual([old, next])
    expect(authority.contextFor('a.test', yes)).toBe(context)
    await authority.activate()
    expect(authority.caPem).toBe(next)
    expect(authority.trusted).toEqual([next, old])
    expect(authority.contextFor('a.test', yes)).not.toBe(context)
    expect(readFileSync(join(folder, 'ca.json'), 'utf8')).not.toContain(oldKey.split('\n')[1])
    await authority.dropOld()
    expect(authority.trusted).toEqual([next])
    await authority.activate()
    expect((await openLeafAuthority(folder)).trusted).toEqual([next])
  })
})
