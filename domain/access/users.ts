import { and, asc, eq, isNull, sql } from 'drizzle-orm'
import { changedFields } from '../audit/changed.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { users } from '../schema.ts'
import { deletedPeople } from '../schema/deleted-people.ts'
import { withoutUndefined } from '../without-undefined.ts'
import { assertWithin } from './giving.ts'
import type { Giver } from './giving.ts'
import { permissionsOf } from './permissions.ts'
import type { BuiltInRole, Permission } from './permissions.ts'
import { rightsColumns } from './rights.ts'

type Row = typeof users.$inferSelect
/** A person or service account as people see them; `permissions` is all that they have, from wherever. */
export type UserView = Pick<
  Row,
  'id' | 'name' | 'email' | 'emailVerified' | 'kind' | 'role' | 'disabledAt' | 'createdAt'
> & { permissions: Permission[]; groups: Named[]; roles: Named[] }
export type Named = { id: string; name: string }
export type NewUser = Pick<Row, 'name' | 'email' | 'kind' | 'role'>
export type UserChange = { name?: string | undefined; role?: BuiltInRole | undefined; disabled?: boolean | undefined }

const { id, name, email, emailVerified, kind, role, disabledAt, createdAt } = users
const viewColumns = {
  ...{ id, name, email, emailVerified, kind, role, disabledAt, createdAt },
  given: rightsColumns.given,
  groups: named(
    sql`select g.id, g.name from groups g join group_members m on m.group_id = g.id where m.user_id = users.id`,
  ),
  roles: named(sql`select r.id, r.name from roles r join user_roles u on u.role_id = r.id where u.user_id = users.id`),
}

function named(rows: ReturnType<typeof sql>) {
  return sql<Named[]>`(select coalesce(jsonb_agg(jsonb_build_object('id', n.id, 'name', n.name) order by n.name), '[]')
    from (${rows}) n)`
}

export async function listUsers(db: Executor): Promise<UserView[]> {
  return (await db.select(viewColumns).from(users).where(isThere).orderBy(asc(name), asc(id))).map(viewOf)
}

/** Who was deleted is in no list and found by nobody; what they did still leads to their row. */
const isThere = sql`not exists (select from ${deletedPeople} d where d.user_id = users.id)`

/** Rejects with `user-not-found`. */
export async function findUser(db: Executor, userId: string): Promise<UserView> {
  const [row] = await db
    .select(viewColumns)
    .from(users)
    .where(and(eq(id, userId), isThere))
  if (row === undefined) throw new DrydockError('user-not-found', `Cannot find user "${userId}"`)
  return viewOf(row)
}

/** Makes a person, whose e-mail nobody has verified, or a service account. */
export async function createUser(db: Db, giver: Giver, input: NewUser): Promise<UserView> {
  assertWithin(giver, input.role)
  const userId = newId()
  await db.transaction(async (tx) => {
    await tx.insert(users).values({ ...input, id: userId })
    await recordAudit(tx, {
      by: giver,
      action: 'user.create',
      target: userTarget({ id: userId, name: input.name }),
      after: { ...input },
    })
  })
  return findUser(db, userId)
}

/** Changes what is named; `updatePerson` is for requests. Rejects with `last-owner` where nobody would be left who owns the workspace. */
export async function updateUser(db: Db, giver: Giver, { userId, change }: { userId: string; change: UserChange }) {
  await db.transaction(async (tx) => {
    const owners = await lockOwners(tx)
    const before = await findUser(tx, userId)
    assertWithin(giver, before.role, before.permissions)
    if (change.role !== undefined) assertWithin(giver, change.role)
    if (before.kind === 'service' && change.role === 'owner') {
      throw new DrydockError('invalid-request', `Cannot change user "${userId}": a service account owns no workspace`)
    }
    const stays = (change.role ?? before.role) === 'owner' && change.disabled !== true
    if (!stays && owners.length === 1 && owners[0] === userId) {
      throw new DrydockError('last-owner', `Cannot change user "${userId}": nobody else owns this workspace`)
    }
    const { disabled, ...values } = withoutUndefined(change)
    const at = disabled === undefined ? {} : { disabledAt: disabled ? sql`coalesce(disabled_at, now())` : null }
    const set = { ...values, ...at }
    if (Object.keys(set).length > 0) await tx.update(users).set(set).where(eq(id, userId))
    const changed = changedFields(auditedOf(before), auditedOf(await findUser(tx, userId)))
    if (changed) await recordAudit(tx, { by: giver, action: 'user.update', target: userTarget(before), ...changed })
  })
  return findUser(db, userId)
}

export const userTarget = ({ id, name }: Named) => ({ kind: 'user', id, name })

const auditedOf = ({ name, role, disabledAt }: UserView) => ({ name, role, disabled: disabledAt !== null })

/** Holds the owners, always in one order: of two who demote each other, the second sees what the first did. */
export async function lockOwners(db: Executor): Promise<string[]> {
  const rows = await db
    .select({ id })
    .from(users)
    .where(and(eq(role, 'owner'), eq(kind, 'person'), isNull(disabledAt)))
    .orderBy(asc(id))
    .for('update')
  return rows.map((row) => row.id)
}

function viewOf({ given, ...row }: Omit<UserView, 'permissions'> & { given: string[] }): UserView {
  return { ...row, permissions: permissionsOf(row.role, given) }
}
