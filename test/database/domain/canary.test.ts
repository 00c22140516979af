import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { SERVER } from '../../../domain/audit/actions.ts'
import { setCredential } from '../../../domain/credentials/credentials.ts'
import { checkCanary } from '../../../domain/secrets/canary.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { rewrapAll } from '../../../domain/secrets/rewrap.ts'
import { keyCanary } from '../../../domain/schema/key-canary.ts'
import { credentials } from '../../../domain/schema/models.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'

const newKey = () => randomBytes(32).toString('base64')
const [OLD, NEW] = [newKey(), newKey()]
const WRONG = { code: 'config-invalid', message: expect.stringMatching(/^Cannot start: .* is sealed with/) as unknown }

let database: TestDatabase
beforeAll(async () => {
  database = await testDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())
beforeEach(async () => {
  await database.db.delete(keyCanary)
  await database.db.delete(credentials)
})

const check = (...keys: string[]) => checkCanary(database.db, parseKeyring(keys))

test('checkCanary() lets the keys of the first start in again, and no others', async () => {
  await Promise.all([check(OLD), check(OLD)])
  await check(OLD)
  await check(NEW, OLD)
  await expect(check(NEW)).rejects.toMatchObject(WRONG)
  expect(await database.db.select().from(keyCanary)).toHaveLength(1)
})

test('after a rotation the new key is enough, and the old one is no longer', async () => {
  await check(OLD)
  await rewrapAll(database.db, parseKeyring([NEW, OLD]), SERVER)
  await check(NEW)
  await expect(check(OLD)).rejects.toMatchObject(WRONG)
})

test('a canary that somebody changed is as good as a wrong key', async () => {
  await check(OLD)
  const [row] = await database.db.select().from(keyCanary)
  const bytes = Buffer.from(row?.sealedText ?? [])
  bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1)
  await database.db.update(keyCanary).set({ sealedText: bytes })
  await expect(check(OLD)).rejects.toMatchObject(WRONG)
})

test('a database of a version without a canary is judged by what it holds', async () => {
  await setCredential(database.db, parseKeyring([OLD]), {
    by: SERVER,
    name: 'npm',
    header: 'authorization',
    value: 'x',
  })
  await expect(check(NEW)).rejects.toMatchObject(WRONG)
  expect(await database.db.select().from(keyCanary)).toEqual([])
  await check(OLD)
  await expect(check(NEW)).rejects.toMatchObject(WRONG)
})
