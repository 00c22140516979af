import { and, asc, eq } from 'drizzle-orm'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { groupRoles, roles, userRoles } from '../schema/access.ts'
import { refusingTakenName } from '../taken-name.ts'
import { withoutUndefined } from '../without-undefined.ts'
import { assertHas, assertWithin } from './giving.ts'
import type { Giver } from './giving.ts'
import { readGroup } from './groups.ts'
import type { Permission } from './permissions.ts'
import { findUser } from './users.ts'

export type RoleView = typeof roles.$inferSelect
export type NewRole = { name: string; description?: string | undefined; permissions: Permission[] }
export type RoleChange = Partial<{ [K in keyof NewRole]: NewRole[K] | undefined }>
/** Whom a role is given to. */
export type Grantee = { userId: string } | { groupId: string }

export async function listRoles(db: Executor): Promise<RoleView[]> {
  return db.select().from(roles).orderBy(asc(roles.name))
}

/** Rejects with `role-not-found`. */
export async function findRole(db: Executor, id: string): Promise<RoleView> {
  const [row] = await db.select().from(roles).where(eq(roles.id, id))
  if (row === undefined) throw new DrydockError('role-not-found', `Cannot find role "${id}"`)
  return row
}

export async function createRole(db: Db, giver: Giver, input: NewRole): Promise<RoleView> {
  assertHas(giver, input.permissions)
  const id = newId()
  const values = { ...withoutUndefined(input), id }
  await refusingTakenName({ what: 'role', name: input.name }, async () => void (await db.insert(roles).values(values)))
  return findRole(db, id)
}

/** Changes what is named, for everybody who has the role, at once. */
export async function updateRole(db: Db, giver: Giver, { id, change }: { id: string; change: RoleChange }) {
  await refusingTakenName({ what: 'role', name: change.name ?? '' }, () =>
    db.transaction(async (tx) => {
      await holdRole(tx, giver, id)
      assertHas(giver, change.permissions ?? [])
      const values = { ...withoutUndefined(change), updatedAt: new Date() }
      await tx.update(roles).set(values).where(eq(roles.id, id))
    }),
  )
  return findRole(db, id)
}

/** Takes a role from everybody, and away. */
export async function deleteRole(db: Db, giver: Giver, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    await holdRole(tx, giver, id)
    await tx.delete(roles).where(eq(roles.id, id))
  })
}

/** Gives a role; again changes nothing. */
export async function grantRole(db: Db, giver: Giver, { roleId, to }: { roleId: string; to: Grantee }): Promise<void> {
  await db.transaction(async (tx) => {
    await holdRole(tx, giver, roleId)
    await assertMayHandle(tx, giver, to)
    if ('userId' in to)
      await tx
        .insert(userRoles)
        .values({ ...to, roleId })
        .onConflictDoNothing()
    else
      await tx
        .insert(groupRoles)
        .values({ ...to, roleId })
        .onConflictDoNothing()
  })
}

/** Takes a role back; who has it not is as was asked for. */
export async function revokeRole(db: Db, giver: Giver, { roleId, to }: { roleId: string; to: Grantee }): Promise<void> {
  await db.transaction(async (tx) => {
    await holdRole(tx, giver, roleId)
    await assertMayHandle(tx, giver, to)
    if ('userId' in to) {
      await tx.delete(userRoles).where(and(eq(userRoles.roleId, roleId), eq(userRoles.userId, to.userId)))
    } else {
      await tx.delete(groupRoles).where(and(eq(groupRoles.roleId, roleId), eq(groupRoles.groupId, to.groupId)))
    }
  })
}

/** Holds a role that is within the giver's rights: meanwhile nobody puts more into it. */
async function holdRole(db: Executor, giver: Giver, id: string): Promise<void> {
  const [row] = await db.select({ permissions: roles.permissions }).from(roles).where(eq(roles.id, id)).for('update')
  if (row === undefined) throw new DrydockError('role-not-found', `Cannot find role "${id}"`)
  assertHas(giver, row.permissions)
}

async function assertMayHandle(db: Executor, giver: Giver, to: Grantee): Promise<void> {
  if ('groupId' in to) return void (await readGroup(db, to.groupId))
  const user = await findUser(db, to.userId)
  assertWithin(giver, user.role, user.permissions)
}
