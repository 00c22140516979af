import { and, asc, eq } from 'drizzle-orm'
import { changedFields } from '../audit/changed.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { newId } from '../ids.ts'
import { groupRoles, roles, userRoles } from '../schema/access.ts'
import { refusingTakenName } from '../taken-name.ts'
import { withoutUndefined } from '../without-undefined.ts'
import { assertHas, assertWithin } from './giving.ts'
import type { Giver } from './giving.ts'
import { groupTarget, readGroup } from './groups.ts'
import type { Permission } from './permissions.ts'
import { refusingGone } from './refusing-gone.ts'
import { findUser, userTarget } from './users.ts'
import type { Named } from './users.ts'

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
  await refusingTakenName({ what: 'role', name: input.name }, () =>
    db.transaction(async (tx) => {
      await tx.insert(roles).values(values)
      await recordAudit(tx, { by: giver, action: 'role.create', target: roleTarget(values), after: { ...input } })
    }),
  )
  return findRole(db, id)
}

/** Changes what is named, for everybody who has the role, at once. */
export async function updateRole(db: Db, giver: Giver, { id, change }: { id: string; change: RoleChange }) {
  await refusingTakenName({ what: 'role', name: change.name ?? '' }, () =>
    db.transaction(async (tx) => {
      const before = await holdRole(tx, giver, id)
      assertHas(giver, change.permissions ?? [])
      const values = { ...withoutUndefined(change), updatedAt: new Date() }
      await tx.update(roles).set(values).where(eq(roles.id, id))
      const changed = changedFields(auditedOf(before), auditedOf({ ...before, ...values }))
      if (changed) await recordAudit(tx, { by: giver, action: 'role.update', target: roleTarget(before), ...changed })
    }),
  )
  return findRole(db, id)
}

/** Takes a role from everybody, and away. */
export async function deleteRole(db: Db, giver: Giver, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    const role = await holdRole(tx, giver, id)
    await tx.delete(roles).where(eq(roles.id, id))
    await recordAudit(tx, { by: giver, action: 'role.delete', target: roleTarget(role), before: auditedOf(role) })
  })
}

/** Gives a role; again changes nothing. */
export async function grantRole(db: Db, giver: Giver, grant: { roleId: string; to: Grantee }): Promise<void> {
  await refusingGone(grant.to, () => grantIn(db, giver, grant))
}

async function grantIn(db: Db, giver: Giver, { roleId, to }: { roleId: string; to: Grantee }): Promise<void> {
  await db.transaction(async (tx) => {
    const role = await holdRole(tx, giver, roleId)
    const grantee = await assertMayHandle(tx, giver, to)
    const given =
      'userId' in to
        ? await tx
            .insert(userRoles)
            .values({ ...to, roleId })
            .onConflictDoNothing()
            .returning()
        : await tx
            .insert(groupRoles)
            .values({ ...to, roleId })
            .onConflictDoNothing()
            .returning()
    if (given.length === 0) return
    await recordAudit(tx, { by: giver, action: 'role.grant', target: roleTarget(role), after: { grantee } })
  })
}

/** Takes a role back; who has it not is as was asked for. */
export async function revokeRole(db: Db, giver: Giver, { roleId, to }: { roleId: string; to: Grantee }): Promise<void> {
  await db.transaction(async (tx) => {
    const role = await holdRole(tx, giver, roleId)
    const grantee = await assertMayHandle(tx, giver, to)
    const ofUser = (userId: string) => and(eq(userRoles.roleId, roleId), eq(userRoles.userId, userId))
    const ofGroup = (groupId: string) => and(eq(groupRoles.roleId, roleId), eq(groupRoles.groupId, groupId))
    const taken =
      'userId' in to
        ? await tx.delete(userRoles).where(ofUser(to.userId)).returning()
        : await tx.delete(groupRoles).where(ofGroup(to.groupId)).returning()
    if (taken.length === 0) return
    await recordAudit(tx, { by: giver, action: 'role.revoke', target: roleTarget(role), before: { grantee } })
  })
}

/** Holds a role that is within the giver's rights: meanwhile nobody puts more into it. */
async function holdRole(db: Executor, giver: Giver, id: string): Promise<RoleView> {
  const [row] = await db.select().from(roles).where(eq(roles.id, id)).for('update')
  if (row === undefined) throw new DrydockError('role-not-found', `Cannot find role "${id}"`)
  assertHas(giver, row.permissions)
  return row
}

const roleTarget = ({ id, name }: Named) => ({ kind: 'role', id, name })
const auditedOf = ({ name, description, permissions }: RoleView) => ({ name, description, permissions })

/** Answers with whom it is, as the log names them. */
async function assertMayHandle(db: Executor, giver: Giver, to: Grantee) {
  if ('groupId' in to) return groupTarget(await readGroup(db, to.groupId))
  const user = await findUser(db, to.userId)
  assertWithin(giver, user.role, user.permissions)
  return userTarget(user)
}
