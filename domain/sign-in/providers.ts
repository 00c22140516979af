// Where people sign in. Whoever says that an issuer puts people into groups gives what those groups have, so that nobody
// changes a provider that gives more than they have themselves.

import { asc, eq, getTableColumns, sql } from 'drizzle-orm'
import { assertWithin } from '../access/giving.ts'
import type { Giver } from '../access/giving.ts'
import { assertMayLetIn } from '../access/groups.ts'
import type { Actor } from '../audit/actions.ts'
import { changedFields } from '../audit/changed.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError, forbidden } from '../errors.ts'
import { newId } from '../ids.ts'
import { sessions, signInAttempts, signInGroups, signInProviders } from '../schema/sign-in.ts'
import { open, seal } from '../secrets/seal.ts'
import type { Keyring } from '../secrets/keyring.ts'
import { refusingTakenName } from '../taken-name.ts'
import { without } from '../without.ts'
import { withoutUndefined } from '../without-undefined.ts'

type Row = typeof signInProviders.$inferSelect
type Settings = Omit<Row, 'id' | 'name' | 'issuer' | 'sealedSecret' | 'createdAt' | 'updatedAt'>
type Optional<T> = { [K in keyof T]?: T[K] | undefined }

/** Who has this value in the claim is in that group; several groups may have one value. */
export type GroupMapping = { value: string; groupId: string }
/** `clientSecret` is sealed on its way in; null takes it away. `groups` replaces the whole mapping. */
export type SignInProviderChange = Optional<Settings> & {
  clientSecret?: string | null | undefined
  groups?: GroupMapping[] | undefined
}
export type NewSignInProvider = SignInProviderChange &
  Pick<Row, 'name' | 'issuer' | 'displayName' | 'clientId' | 'scopes'>
/** A provider as people see it: never with its secret. */
export type SignInProviderView = Omit<Row, 'sealedSecret'> & { hasSecret: boolean; groups: GroupMapping[] }

const { sealedSecret, ...ownColumns } = getTableColumns(signInProviders)
const viewColumns = {
  ...ownColumns,
  hasSecret: sql<boolean>`${sealedSecret} is not null`,
  groups: sql<GroupMapping[]>`(
    select coalesce(jsonb_agg(jsonb_build_object('value', g.value, 'groupId', g.group_id) order by g.value, g.group_id), '[]')
    from sign_in_groups g where g.provider_id = sign_in_providers.id)`,
}
const secretPlace = (row: string) => ({ table: 'sign_in_providers', row, column: 'sealed_secret' })

/** Adds a provider. Rejects with `name-taken`, and with `forbidden` where it would give what the giver lacks. */
export async function createSignInProvider(
  db: Db,
  { giver, keyring }: { giver: Giver; keyring: Keyring },
  input: NewSignInProvider,
): Promise<SignInProviderView> {
  const id = newId()
  const { clientSecret, groups = [], ...settings } = withoutUndefined(input)
  const sealed = typeof clientSecret === 'string' ? seal(keyring, clientSecret, secretPlace(id)).bytes : null
  return refusingTakenName({ what: 'sign-in provider', name: input.name }, () =>
    db.transaction(async (tx) => {
      await assertMayGive(tx, giver, { defaultRole: input.defaultRole ?? 'member', groups })
      await tx.insert(signInProviders).values({ ...settings, id, sealedSecret: sealed })
      await mapGroups(tx, id, groups)
      const made = await findSignInProvider(tx, input.name)
      const after = auditedOf(made)
      await recordAudit(tx, { by: giver, action: 'sign-in-provider.create', target: targetOf(made), after })
      return made
    }),
  )
}

/** Changes what is named. One that is turned off signs everybody out who came by it. */
export async function updateSignInProvider(
  db: Db,
  { giver, keyring }: { giver: Giver; keyring: Keyring },
  { name, change }: { name: string; change: SignInProviderChange },
): Promise<SignInProviderView> {
  const { clientSecret, groups, ...settings } = withoutUndefined(change)
  return db.transaction(async (tx) => {
    await tx
      .select({ id: signInProviders.id })
      .from(signInProviders)
      .where(eq(signInProviders.name, name))
      .for('update')
    const before = await findSignInProvider(tx, name)
    const { id, defaultRole } = before
    await assertMayGive(tx, giver, before)
    await assertMayGive(tx, giver, { defaultRole: change.defaultRole ?? defaultRole, groups: groups ?? [] })
    const sealed = typeof clientSecret === 'string' ? seal(keyring, clientSecret, secretPlace(id)).bytes : null
    await tx
      .update(signInProviders)
      .set({ ...settings, ...(clientSecret !== undefined && { sealedSecret: sealed }), updatedAt: sql`now()` })
      .where(eq(signInProviders.id, id))
    if (groups !== undefined) await mapGroups(tx, id, groups)
    if (change.enabled === false) await endAll(tx, id)
    const now = await findSignInProvider(tx, name)
    const changed = changedFields(auditedOf(before), { ...auditedOf(now), ...(sealed && { newSecret: true }) })
    if (changed) {
      await recordAudit(tx, { by: giver, action: 'sign-in-provider.update', target: targetOf(now), ...changed })
    }
    return now
  })
}

export async function listSignInProviders(db: Executor): Promise<SignInProviderView[]> {
  return db.select(viewColumns).from(signInProviders).orderBy(asc(signInProviders.name))
}

/** Rejects with `sign-in-provider-not-found`. */
export async function findSignInProvider(db: Executor, name: string): Promise<SignInProviderView> {
  const [found] = await db.select(viewColumns).from(signInProviders).where(eq(signInProviders.name, name))
  if (found === undefined) throw notFound(name)
  return found
}

/** A provider that people may sign in with. One that is off answers like one that is not there. */
export async function findEnabledProvider(db: Executor, name: string): Promise<SignInProviderView> {
  const found = await findSignInProvider(db, name)
  if (!found.enabled) throw notFound(name)
  return found
}

/** The client's secret in the clear: for the issuer, and for no log. */
export async function readClientSecret(db: Executor, keyring: Keyring, id: string): Promise<string | undefined> {
  const [row] = await db.select({ sealedSecret }).from(signInProviders).where(eq(signInProviders.id, id))
  return row?.sealedSecret ? open(keyring, row.sealedSecret, secretPlace(id)).toString() : undefined
}

/** Deletes a provider, and ends the sessions of all who came by it. Who they are stays known, should it come back. */
export async function deleteSignInProvider(db: Db, by: Actor, name: string): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx
      .delete(signInProviders)
      .where(eq(signInProviders.name, name))
      .returning({ id: signInProviders.id, issuer: signInProviders.issuer })
    if (row === undefined) throw notFound(name)
    const { issuer } = row
    await recordAudit(tx, {
      ...{ by, action: 'sign-in-provider.delete', target: targetOf({ id: row.id, name }), before: { issuer } },
    })
  })
}

const targetOf = ({ id, name }: { id: string; name: string }) => ({ kind: 'sign-in-provider', id, name })

/** What is written down of a provider: all but when it was made and changed. */
const auditedOf = (view: SignInProviderView) => without(view, 'id', 'name', 'createdAt', 'updatedAt')

async function mapGroups(db: Executor, providerId: string, groups: readonly GroupMapping[]): Promise<void> {
  await db.delete(signInGroups).where(eq(signInGroups.providerId, providerId))
  if (groups.length > 0) await db.insert(signInGroups).values(groups.map((group) => ({ ...group, providerId })))
}

type Gives = Pick<SignInProviderView, 'defaultRole' | 'groups'>

async function assertMayGive(db: Executor, giver: Giver, { defaultRole, groups }: Gives): Promise<void> {
  assertWithin(giver, defaultRole)
  // To say who is in a group is to manage members, whoever else holds the settings.
  if (groups.length > 0 && !giver.permissions.has('members.manage')) throw forbidden()
  // In one order: of two who hold the same groups, neither waits for the other.
  const ids = [...new Set(groups.map(({ groupId }) => groupId))].toSorted()
  for (const groupId of ids) await assertMayLetIn(db, giver, groupId)
}

async function endAll(db: Executor, providerId: string): Promise<void> {
  await db.delete(sessions).where(eq(sessions.providerId, providerId))
  await db.delete(signInAttempts).where(eq(signInAttempts.providerId, providerId))
}

const notFound = (name: string) =>
  new DrydockError(
    'sign-in-provider-not-found',
    `Cannot find sign-in provider ${JSON.stringify(name)}: GET /sign-in-providers lists them`,
  )
