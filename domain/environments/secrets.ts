// Vocabulary.
// setup: known to the scripts that prepare a sandbox, and to nothing that runs after them. brokered: added by the gateway
// to requests of one host; no sandbox ever holds it.

import { timingSafeEqual } from 'node:crypto'
import { and, asc, eq, sql } from 'drizzle-orm'
import type { Actor, Target } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { environments } from '../schema.ts'
import { environmentSecrets } from '../schema/secrets.ts'
import type { Keyring } from '../secrets/keyring.ts'
import { open, seal } from '../secrets/seal.ts'
import { without } from '../without.ts'
import { MAX_SECRETS, MAX_SECRET_BYTES } from './limits.ts'

type Row = typeof environmentSecrets.$inferSelect
/** A secret as people see it: never with its value. */
export type SecretView = Pick<Row, 'name' | 'kind' | 'host' | 'header' | 'version' | 'createdAt' | 'updatedAt'>
/** Where a brokered one goes; null for those of set-up. */
export type SecretTarget =
  { kind: 'setup'; host: null; header: null } | { kind: 'brokered'; host: string; header: string }
export type NewSecret = SecretTarget & { by: Actor; environmentId: string; name: string; value: string }
/** A secret in the clear: for scripts and the gateway, and for no log. */
export type OpenSecret = Pick<Row, 'name' | 'kind' | 'host' | 'header' | 'version'> & { value: string }

const { name, kind, host, header, version, createdAt, updatedAt } = environmentSecrets
const viewColumns = { name, kind, host, header, version, createdAt, updatedAt }

const placeOf = (row: string) => ({ table: 'environment_secrets', row, column: 'sealed_value' })

/**
 * Stores a secret under its name, new or in place of what was there; another value raises its version. Rejects with
 * `name-taken` where a variable has the name or another brokered secret the host.
 */
export async function setSecret(db: Db, keyring: Keyring, input: NewSecret): Promise<SecretView> {
  return db.transaction(async (tx) => {
    const variables = await lockVariables(tx, input.environmentId)
    if (Object.hasOwn(variables, input.name)) throw taken(input.name, 'a variable of the environment has this name')
    const others = (await rowsOf(tx, input.environmentId)).filter((row) => row.name !== input.name)
    assertRoom(input, others)
    const written = await write(tx, keyring, input)
    const { kind, host, header, version } = written
    const target = await targetOf(tx, input)
    await recordAudit(tx, { by: input.by, action: 'secret.set', target, after: { kind, host, header, version } })
    return written
  })
}

export async function listSecrets(db: Executor, environmentId: string): Promise<SecretView[]> {
  return db
    .select(viewColumns)
    .from(environmentSecrets)
    .where(eq(environmentSecrets.environmentId, environmentId))
    .orderBy(asc(name))
}

/**
 * Forgets a secret. Rejects with `secret-not-found`. What is cached goes out of use: one that is set later under the same
 * name begins again with version 1.
 */
export async function deleteSecret(
  db: Db,
  { environmentId, name, by }: Pick<NewSecret, 'environmentId' | 'name' | 'by'>,
) {
  await db.transaction(async (tx) => {
    const rows = await tx.delete(environmentSecrets).where(isNamed(environmentId, name)).returning({ kind })
    if (rows.length === 0) {
      throw new DrydockError(
        'secret-not-found',
        `Cannot find secret ${JSON.stringify(name)}: see them with "drydock env secret list"`,
      )
    }
    if (rows[0]?.kind === 'setup') await outdateCache(tx, environmentId)
    await recordAudit(tx, { by, action: 'secret.delete', target: await targetOf(tx, { environmentId, name }) })
  })
}

/** A secret, named with its environment: a name means nothing without. */
async function targetOf(db: Executor, { environmentId, name }: Pick<NewSecret, 'environmentId' | 'name'>) {
  const [row] = await db
    .select({ environment: environments.name })
    .from(environments)
    .where(eq(environments.id, environmentId))
  return { kind: 'secret', id: environmentId, name: `${row?.environment ?? ''}/${name}` } satisfies Target
}

async function outdateCache(db: Executor, environmentId: string): Promise<void> {
  await db
    .update(environments)
    .set({ cacheEpoch: sql`${environments.cacheEpoch} + 1` })
    .where(eq(environments.id, environmentId))
}

/** Forgets all secrets of an environment, which the caller holds, with what is cached of them. Answers with their names. */
export async function clearSecrets(db: Executor, environmentId: string): Promise<string[]> {
  const gone = await db
    .delete(environmentSecrets)
    .where(eq(environmentSecrets.environmentId, environmentId))
    .returning({ name, kind })
  if (gone.some((secret) => secret.kind === 'setup')) await outdateCache(db, environmentId)
  return gone.map((secret) => secret.name).sort()
}

/** Opens all secrets of an environment, by name. Rejects with `key-unavailable` where no master key opens one. */
export async function openSecrets(db: Executor, keyring: Keyring, environmentId: string): Promise<OpenSecret[]> {
  const rows = await rowsOf(db, environmentId)
  return rows.map(({ id, sealedValue, ...row }) => ({
    ...{ name: row.name, kind: row.kind, host: row.host, header: row.header, version: row.version },
    value: open(keyring, sealedValue, placeOf(id)).toString(),
  }))
}

/** Rejects with `name-taken` where one of these variables has the name of a secret. The environment is held by the caller. */
export async function assertNoSecrets(
  db: Executor,
  environmentId: string,
  variables: Readonly<Record<string, string>>,
) {
  const both = (await listSecrets(db, environmentId)).find((secret) => Object.hasOwn(variables, secret.name))
  if (both) throw taken(both.name, 'a secret of the environment has this name. Delete the secret first')
}

/** Holds the environment, so that no variable of the name appears in between. */
async function lockVariables(db: Executor, environmentId: string): Promise<Record<string, string>> {
  const [row] = await db
    .select({ variables: environments.variables })
    .from(environments)
    .where(eq(environments.id, environmentId))
    .for('no key update')
  return row?.variables ?? {}
}

const rowsOf = (db: Executor, environmentId: string) =>
  db.select().from(environmentSecrets).where(eq(environmentSecrets.environmentId, environmentId)).orderBy(asc(name))

function assertRoom({ name, host, value }: NewSecret, others: readonly Row[]): void {
  const rival = host === null ? undefined : others.find((row) => row.host === host)
  if (rival) throw taken(name, `${host} has the brokered secret "${rival.name}", and one host has one`)
  // Sealed values are longer by a few bytes each.
  const used = others.reduce((sum, row) => sum + row.sealedValue.length, 0)
  const isFull = others.length >= MAX_SECRETS || used + Buffer.byteLength(value) > MAX_SECRET_BYTES
  if (!isFull) return
  const most = `${MAX_SECRETS} secrets with ${MAX_SECRET_BYTES / 1024} KiB together`
  throw new DrydockError('invalid-request', `Cannot store secret "${name}": an environment has at most ${most}`)
}

async function write(db: Executor, keyring: Keyring, input: NewSecret): Promise<SecretView> {
  const { environmentId, name, value, ...target } = without(input, 'by')
  const [before] = await db.select().from(environmentSecrets).where(isNamed(environmentId, name))
  const id = before?.id ?? newId()
  const sealedValue = seal(keyring, value, placeOf(id)).bytes
  const version = before === undefined ? 1 : before.version + (isSame(keyring, before, value) ? 0 : 1)
  const fresh = { ...target, sealedValue, version, updatedAt: sql`clock_timestamp()` }
  const [row] = await db
    .insert(environmentSecrets)
    .values({ id, environmentId, name, ...fresh })
    .onConflictDoUpdate({ target: environmentSecrets.id, set: fresh })
    .returning(viewColumns)
  if (row === undefined) throw new Error('a written secret has no row')
  return row
}

/** A value that is set again as it was leaves the cache in use. One that no key opens any more counts as another. */
function isSame(keyring: Keyring, { id, sealedValue }: Row, value: string): boolean {
  try {
    const old = open(keyring, sealedValue, placeOf(id))
    const fresh = Buffer.from(value)
    return old.length === fresh.length && timingSafeEqual(old, fresh)
  } catch {
    return false
  }
}

const isNamed = (environmentId: string, name: string) =>
  and(eq(environmentSecrets.environmentId, environmentId), eq(environmentSecrets.name, name))

const taken = (name: string, why: string) => new DrydockError('name-taken', `Cannot use the name "${name}": ${why}`)
