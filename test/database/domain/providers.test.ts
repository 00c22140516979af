import { SERVER } from '../../../domain/audit/actions.ts'
import { randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { readCredentials, setCredential } from '../../../domain/credentials/credentials.ts'
import { grantVersions } from '../../../domain/credentials/grant-versions.ts'
import { grantFor } from '../../../domain/providers/grant.ts'
import { createProvider, deleteProvider, listProviders, updateProvider } from '../../../domain/providers/providers.ts'
import { credentials, modelProviders } from '../../../domain/schema/models.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { rewrapAll } from '../../../domain/secrets/rewrap.ts'
import { sealedWith } from '../../../domain/secrets/seal.ts'
import type { ModelGrant } from '../../../sandbox-policy/control.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { seedEnvironment } from '../../support/seed.ts'

const newKey = () => randomBytes(32).toString('base64')
const [OLD, NEW] = [newKey(), newKey()]
const keyring = parseKeyring([OLD])
const KEY = 'sk-canary-1'

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())
beforeEach(async () => {
  await database.db.delete(modelProviders)
  await database.db.delete(credentials)
})

const input = (name: string, over = {}) => ({
  name,
  wire: 'responses' as const,
  baseUrl: 'https://api.example.com/v1',
  key: KEY,
  ...over,
})
const add = (name: string, over = {}) => createProvider(database.db, keyring, { ...input(name, over), by: SERVER })

test('createProvider() gives back no key, and the database holds none in the clear', async () => {
  const view = await add('main')
  expect(view).toMatchObject({ name: 'main', hasKey: true, isDefault: true })
  expect(JSON.stringify([view, await listProviders(database.db)])).not.toContain(KEY)
  const [row] = await database.db.select().from(modelProviders)
  expect(row?.sealedKey?.includes(KEY)).toBe(false)
  expect(JSON.stringify(row)).not.toContain(KEY)
})

test('grantFor() opens the default provider of a wire, or a named one', async () => {
  await add('main', { models: ['a', 'b'], budgetTokens: 5000, features: ['web-search'] })
  await add('other', { key: null, keyHeader: { name: 'api-key', prefix: '' }, internal: true })
  const grant: ModelGrant = await grantFor(database.db, keyring, { wire: 'responses', model: 'b' })
  expect(grant).toEqual({
    wire: 'responses',
    provider: 'main',
    baseUrl: 'https://api.example.com/v1',
    key: KEY,
    internal: false,
    models: ['a', 'b'],
    features: ['web-search'],
    budgetTokens: 5000,
    maxOutputTokens: 32_000,
    concurrency: 8,
    idleMs: 300_000,
    totalMs: 1_800_000,
  })
  const named = await grantFor(database.db, keyring, { wire: 'responses', provider: 'other', budgetTokens: 7 })
  expect(named).toMatchObject({ internal: true, budgetTokens: 7, keyHeader: { name: 'api-key', prefix: '' } })
  expect(named).not.toHaveProperty('key')
})

test.each([
  ['another wire', { wire: 'chat' as const }, /no provider is the default for "chat"/],
  ['a provider that there is not', { wire: 'responses' as const, provider: 'x' }, /no provider "x"/],
  ['a provider of another wire', { wire: 'chat' as const, provider: 'main' }, /speaks "responses"/],
  ['a model that is not offered', { wire: 'responses' as const, model: 'c' }, /does not offer model "c"/],
])('grantFor() refuses %s', async (_, wanted, message) => {
  await add('main', { models: ['a'] })
  await expect(grantFor(database.db, keyring, wanted)).rejects.toMatchObject({
    code: 'model-unavailable',
    message: expect.stringMatching(message) as unknown,
  })
})

test('grantFor() with a wrong master key says which one it needs', async () => {
  await add('main')
  const wrong = grantFor(database.db, parseKeyring([NEW]), { wire: 'responses' })
  await expect(wrong).rejects.toMatchObject({
    code: 'key-unavailable',
    message: expect.stringContaining(keyring.current.id) as unknown,
  })
})

test('a key that is copied to the row of another provider does not open there', async () => {
  const [one, two] = [await add('one'), await add('two', { key: 'sk-other' })]
  const [row] = await database.db.select().from(modelProviders).where(eq(modelProviders.id, one.id))
  await database.db.update(modelProviders).set({ sealedKey: row?.sealedKey }).where(eq(modelProviders.id, two.id))
  const moved = grantFor(database.db, keyring, { wire: 'responses', provider: 'two' })
  await expect(moved).rejects.toMatchObject({ code: 'key-unavailable' })
})

test('of providers that become the default at once, one is', async () => {
  await Promise.all(Array.from({ length: 8 }, (_, i) => add(`p${i}`, i % 2 ? { isDefault: true } : {})))
  const all = await listProviders(database.db)
  expect(all).toHaveLength(8)
  await Promise.all(
    all.map(({ id }) => updateProvider(database.db, keyring, { by: SERVER, id, change: { isDefault: true } })),
  )
  expect((await listProviders(database.db)).filter(({ isDefault }) => isDefault)).toHaveLength(1)
})

test('updateProvider() takes a stored key to no other server', async () => {
  const { id } = await add('main')
  const move = (change: object) => updateProvider(database.db, keyring, { by: SERVER, id, change })
  await expect(move({ baseUrl: 'https://evil.test/v1' })).rejects.toMatchObject({ code: 'invalid-request' })
  await expect(move({ baseUrl: 'https://api.example.com:444/v1' })).rejects.toMatchObject({ code: 'invalid-request' })
  await expect(move({ baseUrl: 'http://api.example.com/v1' })).rejects.toMatchObject({ code: 'invalid-request' })
  expect((await grantFor(database.db, keyring, { wire: 'responses' })).baseUrl).toBe('https://api.example.com/v1')
  expect(await move({ baseUrl: 'https://api.example.com/v2' })).toMatchObject({ hasKey: true })
  expect(await move({ baseUrl: 'https://b.test', key: null })).toMatchObject({ hasKey: false })
  await move({ baseUrl: 'https://c.test', key: 'sk-new' })
  expect(await grantFor(database.db, keyring, { wire: 'responses' })).toMatchObject({ key: 'sk-new' })
})

test('a provider that an environment names is neither deleted nor renamed', async () => {
  const { id } = await add('main')
  await seedEnvironment(database.db, { name: 'shop', provider: 'main' })
  await expect(deleteProvider(database.db, { id, by: SERVER })).rejects.toMatchObject({ code: 'provider-in-use' })
  const renamed = updateProvider(database.db, keyring, { by: SERVER, id, change: { name: 'x' } })
  await expect(renamed).rejects.toMatchObject({ code: 'provider-in-use' })
  await expect(add('main')).rejects.toMatchObject({ code: 'name-taken' })
})

test('setCredential() replaces a value, and readCredentials() opens what is named', async () => {
  await setCredential(database.db, keyring, { by: SERVER, name: 'npm', header: 'authorization', value: 'Bearer one' })
  await setCredential(database.db, keyring, { by: SERVER, name: 'npm', header: 'x-token', value: 'two' })
  await setCredential(database.db, keyring, { by: SERVER, name: 'pip', header: 'authorization', value: 'three' })
  expect(await readCredentials(database.db, keyring, ['npm', 'npm'])).toEqual({
    npm: { header: 'x-token', value: 'two' },
  })
  const found = await readCredentials(database.db, keyring, ['npm', 'gone', '__proto__'])
  expect(Object.keys(found)).toEqual(['npm'])
})

test('grantVersions() changes with the credentials and the provider that are named, and with no other', async () => {
  const parts = { credentials: ['npm', 'gone'], provider: null }
  const seen: string[] = []
  const look = async () => {
    const now = await grantVersions(database.db, parts)
    if (seen.at(-1) !== now) seen.push(now)
    return seen.length
  }
  expect(await look()).toBe(1)
  await setCredential(database.db, keyring, { by: SERVER, name: 'npm', header: 'authorization', value: 'one' })
  expect(await look()).toBe(2)
  await setCredential(database.db, keyring, { by: SERVER, name: 'pip', header: 'authorization', value: 'three' })
  expect(await look()).toBe(2)
  await setCredential(database.db, keyring, { by: SERVER, name: 'npm', header: 'authorization', value: 'two' })
  expect(await look()).toBe(3)
  const { id } = await add('own')
  expect(await look()).toBe(4)
  await add('second')
  expect(await look()).toBe(4)
  await updateProvider(database.db, keyring, { by: SERVER, id, change: { key: 'another' } })
  expect(await look()).toBe(5)
  expect(await grantVersions(database.db, { ...parts, provider: 'second' })).not.toContain(id)
  await deleteProvider(database.db, { id, by: SERVER })
  expect(await look()).toBe(6)
})

test('setCredential() of one name at once leaves a value that opens', async () => {
  const values = Array.from({ length: 10 }, (_, i) => `v${i}`)
  await Promise.all(
    values.map((value) =>
      setCredential(database.db, keyring, { by: SERVER, name: 'race', header: 'authorization', value }),
    ),
  )
  const { race } = await readCredentials(database.db, keyring, ['race'])
  expect(values).toContain(race?.value)
})

test('rewrapAll() seals everything with the newest key, once, so that the old one can go', async () => {
  await add('main')
  await add('no-key', { key: null })
  await setCredential(database.db, keyring, { by: SERVER, name: 'npm', header: 'authorization', value: 'Bearer one' })
  const both = parseKeyring([NEW, OLD])
  expect(await rewrapAll(database.db, both, SERVER)).toEqual({ rewrapped: 2, kept: 0 })
  expect(await rewrapAll(database.db, both, SERVER)).toEqual({ rewrapped: 0, kept: 2 })
  const fresh = parseKeyring([NEW])
  expect(await grantFor(database.db, fresh, { wire: 'responses' })).toMatchObject({ key: KEY })
  expect(await readCredentials(database.db, fresh, ['npm'])).toMatchObject({ npm: { value: 'Bearer one' } })
  const [row] = await database.db.select().from(credentials)
  expect(sealedWith(row?.sealedValue ?? Buffer.alloc(0))).toBe(fresh.current.id)
})

test('rewrapAll() without the old key says which one is missing and destroys nothing', async () => {
  await add('main')
  await expect(rewrapAll(database.db, parseKeyring([NEW]), SERVER)).rejects.toMatchObject({ code: 'key-unavailable' })
  expect(await grantFor(database.db, keyring, { wire: 'responses' })).toMatchObject({ key: KEY })
})
