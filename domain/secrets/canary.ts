import { eq, sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { DrydockError, hasCode } from '../errors.ts'
import { keyCanary } from '../schema/key-canary.ts'
import { SEALED_COLUMNS } from './rewrap.ts'
import { open, seal, sealedWith } from './seal.ts'
import type { Keyring } from './keyring.ts'

const TEXT = 'drydock: this key fits'
const ID = 'master'
const PLACE = { table: 'key_canary', row: ID, column: 'sealed_text' }

/**
 * Rejects with `config-invalid` where the master keys are not those of this database, before anything is sealed with
 * them that the right ones cannot open. The first start leaves the canary that later ones look at.
 */
export async function checkCanary(db: Executor, keyring: Keyring): Promise<void> {
  assertOpens(keyring, (await readCanary(db)) ?? (await leaveCanary(db, keyring)))
}

/** The same of a canary that somebody has in hand. */
export function assertOpens(keyring: Keyring, known: Buffer): void {
  try {
    if (open(keyring, known, PLACE).toString() === TEXT) return
  } catch (error) {
    if (!hasCode(error, 'key-unavailable')) throw error
  }
  throw wrongKeys(sealedWith(known), keyring)
}

async function readCanary(db: Executor): Promise<Buffer | undefined> {
  const [row] = await db.select({ sealedText: keyCanary.sealedText }).from(keyCanary).where(eq(keyCanary.id, ID))
  return row?.sealedText
}

/** Of two servers that start at once, the second looks at what the first left. */
async function leaveCanary(db: Executor, keyring: Keyring): Promise<Buffer> {
  await assertOwnValues(db, keyring)
  const sealedText = seal(keyring, TEXT, PLACE).bytes
  await db.insert(keyCanary).values({ id: ID, sealedText }).onConflictDoNothing()
  return (await readCanary(db)) ?? sealedText
}

/** A database of a version without a canary may hold sealed values already. */
async function assertOwnValues(db: Executor, keyring: Keyring): Promise<void> {
  for (const { table, column } of SEALED_COLUMNS) {
    const [row] = await db.execute<{ bytes: Buffer }>(
      sql`select ${sql.raw(column)} as bytes from ${sql.raw(table)} where ${sql.raw(column)} is not null limit 1`,
    )
    const keyId = row && sealedWith(row.bytes)
    if (keyId !== undefined && keyring.find(keyId) === undefined) throw wrongKeys(keyId, keyring)
  }
}

const wrongKeys = (sealedBy: string, { current }: Keyring) =>
  new DrydockError(
    'config-invalid',
    `Cannot start: what this database holds is sealed with master key ${sealedBy}, and this server was given ${current.id} without it. Give it back that key, as the file master-key of its data folder or by DRYDOCK_MASTER_KEY`,
  )
