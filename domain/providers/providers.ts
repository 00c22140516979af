import { and, asc, eq, getTableColumns, isNull, or, sql } from 'drizzle-orm'
import type { Actor } from '../audit/actions.ts'
import { changedFields } from '../audit/changed.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { environments } from '../schema.ts'
import { modelProviders } from '../schema/models.ts'
import { seal } from '../secrets/seal.ts'
import type { Keyring } from '../secrets/keyring.ts'
import { refusingTakenName } from '../taken-name.ts'
import { without } from '../without.ts'
import { withoutUndefined } from '../without-undefined.ts'

// Any number that nothing else in this database uses as an advisory lock.
const CHANGE_LOCK = 7_270_002

type Row = typeof modelProviders.$inferSelect
type Settings = Omit<Row, 'id' | 'sealedKey' | 'createdAt' | 'updatedAt'>
type Optional<T> = { [K in keyof T]?: T[K] | undefined }

/** `key` is sealed on its way in; null takes it away. */
export type ProviderChange = Optional<Omit<Settings, 'wire'>> & { key?: string | null | undefined }
export type NewProvider = ProviderChange & Pick<Settings, 'name' | 'wire' | 'baseUrl'> & { by: Actor }
/** A provider as people see it: never with its key. */
export type ProviderView = Omit<Row, 'sealedKey'> & { hasKey: boolean }

// eslint-disable-next-line @typescript-eslint/no-unused-vars -- taken out of what people see
const { sealedKey, ...ownColumns } = getTableColumns(modelProviders)
const viewColumns = { ...ownColumns, hasKey: sql<boolean>`${modelProviders.sealedKey} is not null` }

export const keyPlace = (row: string) => ({ table: 'model_providers', row, column: 'sealed_key' })

/** Adds a provider. The first of its wire is the default. Rejects with `name-taken`. */
export async function createProvider(db: Db, keyring: Keyring, input: NewProvider): Promise<ProviderView> {
  const id = newId()
  const { key, isDefault, by, ...settings } = withoutUndefined(input)
  const sealed = typeof key === 'string' ? seal(keyring, key, keyPlace(id)).bytes : null
  await refusingTakenName({ what: 'provider', name: input.name }, () =>
    db.transaction(async (tx) => {
      await takeTurns(tx)
      const becomesDefault = isDefault ?? (await hasNoDefault(tx, input.wire))
      if (becomesDefault) await clearDefault(tx, input.wire)
      await tx.insert(modelProviders).values({ ...settings, id, isDefault: becomesDefault, sealedKey: sealed })
      const after = auditedOf(await findProvider(tx, id))
      await recordAudit(tx, { by, action: 'provider.create', target: targetOf({ id, name: input.name }), after })
    }),
  )
  return findProvider(db, id)
}

/**
 * Changes what is named. Where the base URL leads to another server, the key must come with it or go: a stored key never
 * goes anywhere but where it was given for.
 */
export async function updateProvider(
  db: Db,
  keyring: Keyring,
  { id, change, by }: { id: string; change: ProviderChange; by: Actor },
): Promise<ProviderView> {
  const { key, ...settings } = withoutUndefined(change)
  await refusingTakenName({ what: 'provider', name: change.name ?? '' }, () =>
    db.transaction(async (tx) => {
      await takeTurns(tx)
      const [before] = await tx.select().from(modelProviders).where(eq(modelProviders.id, id)).for('update')
      if (before === undefined) throw notFound(id)
      const shown = auditedOf(await findProvider(tx, id))
      assertKeyStays(before, change)
      if (change.name !== undefined && change.name !== before.name) await assertUnused(tx, before.name, 'rename')
      if (change.isDefault === true) await clearDefault(tx, before.wire)
      const sealed = typeof key === 'string' ? seal(keyring, key, keyPlace(id)).bytes : null
      await tx
        .update(modelProviders)
        .set({ ...settings, ...(key !== undefined && { sealedKey: sealed }), updatedAt: sql`now()` })
        .where(eq(modelProviders.id, id))
      const after = { ...auditedOf(await findProvider(tx, id)), ...(key !== undefined && { key: 'changed' }) }
      const changed = changedFields(shown, after)
      if (changed) await recordAudit(tx, { by, action: 'provider.update', target: targetOf(before), ...changed })
    }),
  )
  return findProvider(db, id)
}

/** Finds a provider by id or name. Rejects with `provider-not-found`. */
export async function findProvider(db: Executor, idOrName: string): Promise<ProviderView> {
  const rows = await db
    .select(viewColumns)
    .from(modelProviders)
    .where(or(eq(modelProviders.id, idOrName), eq(modelProviders.name, idOrName)))
  const found = rows.find(({ name }) => name === idOrName) ?? rows[0]
  if (found === undefined) throw notFound(idOrName)
  return found
}

export async function listProviders(db: Executor): Promise<ProviderView[]> {
  return db.select(viewColumns).from(modelProviders).orderBy(asc(modelProviders.name))
}

/** Deletes a provider. Rejects with `provider-in-use` while an environment names it. */
export async function deleteProvider(db: Db, { id, by }: { id: string; by: Actor }): Promise<void> {
  await db.transaction(async (tx) => {
    const [found] = await tx
      .select({ name: modelProviders.name })
      .from(modelProviders)
      .where(eq(modelProviders.id, id))
      .for('update')
    if (found === undefined) throw notFound(id)
    await assertUnused(tx, found.name, 'delete')
    const before = auditedOf(await findProvider(tx, id))
    await tx.delete(modelProviders).where(eq(modelProviders.id, id))
    await recordAudit(tx, { by, action: 'provider.delete', target: targetOf({ id, name: found.name }), before })
  })
}

const targetOf = ({ id, name }: { id: string; name: string }) => ({ kind: 'provider', id, name })

const auditedOf = (view: ProviderView) => without(view, 'id', 'createdAt', 'updatedAt')

function assertKeyStays(before: Row, { baseUrl, key }: ProviderChange): void {
  if (baseUrl === undefined || before.sealedKey === null || key !== undefined) return
  if (originOf(baseUrl) === originOf(before.baseUrl)) return
  throw new DrydockError(
    'invalid-request',
    `Cannot change provider "${before.name}": another server needs its key given again. Send the key with the new base URL, or null for none`,
  )
}

const originOf = (url: string) => (URL.canParse(url) ? new URL(url).origin : url)

async function assertUnused(db: Executor, name: string, action: 'rename' | 'delete'): Promise<void> {
  const [used] = await db
    .select({ name: environments.name })
    .from(environments)
    .where(and(eq(environments.provider, name), isNull(environments.deletedAt)))
    .limit(1)
  if (used === undefined) return
  throw new DrydockError(
    'provider-in-use',
    `Cannot ${action} provider "${name}": environment "${used.name}" names it. Change that one first`,
  )
}

/** Changes of providers take turns: of two at once, only one becomes the default. */
async function takeTurns(db: Executor): Promise<void> {
  await db.execute(sql`select pg_advisory_xact_lock(${CHANGE_LOCK})`)
}

async function hasNoDefault(db: Executor, wire: Row['wire']): Promise<boolean> {
  const rows = await db
    .select({ id: modelProviders.id })
    .from(modelProviders)
    .where(and(eq(modelProviders.wire, wire), eq(modelProviders.isDefault, true)))
  return rows.length === 0
}

async function clearDefault(db: Executor, wire: Row['wire']): Promise<void> {
  await db
    .update(modelProviders)
    .set({ isDefault: false })
    .where(and(eq(modelProviders.wire, wire), eq(modelProviders.isDefault, true)))
}

const notFound = (idOrName: string) =>
  new DrydockError(
    'provider-not-found',
    `Cannot find provider ${JSON.stringify(idOrName)}: see them with "drydock provider list"`,
  )
