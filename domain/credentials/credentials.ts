import { asc, eq, inArray, sql } from 'drizzle-orm'
import type { Actor } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { credentials } from '../schema/models.ts'
import type { Keyring } from '../secrets/keyring.ts'
import { open, seal } from '../secrets/seal.ts'

/** A credential as people see it: never with its value. */
export type CredentialView = { id: string; name: string; header: string; createdAt: Date; updatedAt: Date }
export type NewCredential = { by: Actor; name: string; header: string; value: string }
/** A header in the clear: for the gateway, and for no log. */
export type OpenCredential = { header: string; value: string }

const viewColumns = {
  id: credentials.id,
  name: credentials.name,
  header: credentials.header,
  createdAt: credentials.createdAt,
  updatedAt: credentials.updatedAt,
}

const placeOf = (row: string) => ({ table: 'credentials', row, column: 'sealed_value' })

/** Sets a credential by its name, whether it exists or not. */
export async function setCredential(db: Db, keyring: Keyring, input: NewCredential): Promise<CredentialView> {
  return db.transaction(async (tx) => {
    // The row must be there before its value is sealed, since the seal carries the row's id.
    await tx
      .insert(credentials)
      .values({ id: newId(), name: input.name, header: input.header, sealedValue: Buffer.alloc(0) })
      .onConflictDoUpdate({ target: credentials.name, set: { header: input.header, updatedAt: sql`now()` } })
    const [row] = await tx.select(viewColumns).from(credentials).where(eq(credentials.name, input.name))
    if (row === undefined) throw new Error('the credential was removed while it was set')
    const sealedValue = seal(keyring, input.value, placeOf(row.id)).bytes
    await tx.update(credentials).set({ sealedValue }).where(eq(credentials.id, row.id))
    const after = { header: row.header, value: 'changed' }
    await recordAudit(tx, { by: input.by, action: 'credential.set', target: targetOf(row), after })
    return row
  })
}

export async function listCredentials(db: Executor): Promise<CredentialView[]> {
  return db.select(viewColumns).from(credentials).orderBy(asc(credentials.name))
}

/** Deletes a credential. Rules that name it deny from then on. Rejects with `credential-not-found`. */
export async function deleteCredential(db: Db, { name, by }: { name: string; by: Actor }): Promise<void> {
  await db.transaction(async (tx) => {
    const { id, header } = credentials
    const [row] = await tx.delete(credentials).where(eq(credentials.name, name)).returning({ id, header })
    if (row === undefined) throw notFound(name)
    const target = targetOf({ id: row.id, name })
    await recordAudit(tx, { by, action: 'credential.delete', target, before: { header: row.header } })
  })
}

const targetOf = ({ id, name }: { id: string; name: string }) => ({ kind: 'credential', id, name })

/** Opens credentials by name. Those that do not exist are absent: rules that name them deny. */
export async function readCredentials(
  db: Executor,
  keyring: Keyring,
  names: readonly string[],
): Promise<Record<string, OpenCredential>> {
  const wanted = [...new Set(names)]
  if (wanted.length === 0) return {}
  const rows = await db.select().from(credentials).where(inArray(credentials.name, wanted))
  return Object.fromEntries(
    rows.map(({ id, name, header, sealedValue }) => [
      name,
      { header, value: open(keyring, sealedValue, placeOf(id)).toString() },
    ]),
  )
}

const notFound = (name: string) =>
  new DrydockError(
    'credential-not-found',
    `Cannot find credential ${JSON.stringify(name)}: see them with "drydock credential list"`,
  )
