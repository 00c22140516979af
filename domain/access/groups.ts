import { and, asc, eq, inArray, sql } from 'drizzle-orm'
import { changedFields } from '../audit/changed.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError, forbidden } from '../errors.ts'
import { newId } from '../ids.ts'
import { users } from '../schema.ts'
import { environmentGroups, groupMembers, groupRoles, groups, roles } from '../schema/access.ts'
import { refusingTakenName } from '../taken-name.ts'
import { withoutUndefined } from '../without-undefined.ts'
import { administrates, seesAllGroups } from './decide.ts'
import { assertHas } from './giving.ts'
import type { Giver } from './giving.ts'
import type { Viewer } from './principal.ts'
import { refusingGone } from './refusing-gone.ts'
import { findUser } from './users.ts'
import type { Named } from './users.ts'

export type GroupHead = Pick<typeof groups.$inferSelect, 'id' | 'name' | 'description' | 'createdAt'>
export type GroupView = GroupHead & { members: Named[]; roles: Named[] }
export type NewGroup = { name: string; description?: string | undefined }
export type GroupChange = { [K in keyof NewGroup]?: NewGroup[K] | undefined }
export type Membership = { groupId: string; userId: string }

/** The groups that a person sees: all, or the own ones. */
export async function listGroups(db: Executor, viewer: Viewer): Promise<GroupHead[]> {
  const seen = seesAllGroups(viewer) ? undefined : inArray(groups.id, [...viewer.groupIds])
  return db.select().from(groups).where(seen).orderBy(asc(groups.name))
}

/** A group with its members and roles. Rejects with `group-not-found`. */
export async function readGroup(db: Executor, id: string): Promise<GroupView> {
  const [row] = await db.select().from(groups).where(eq(groups.id, id))
  if (row === undefined) throw notFound(id)
  const members = await db
    .select({ id: users.id, name: users.name })
    .from(groupMembers)
    .innerJoin(users, eq(users.id, groupMembers.userId))
    .where(eq(groupMembers.groupId, id))
    .orderBy(asc(users.name), asc(users.id))
  const granted = await db
    .select({ id: roles.id, name: roles.name })
    .from(groupRoles)
    .innerJoin(roles, eq(roles.id, groupRoles.roleId))
    .where(eq(groupRoles.groupId, id))
    .orderBy(asc(roles.name))
  return { ...row, members, roles: granted }
}

export async function createGroup(db: Db, giver: Giver, input: NewGroup): Promise<GroupView> {
  const id = newId()
  const values = { ...withoutUndefined(input), id }
  await refusingTakenName({ what: 'group', name: input.name }, () =>
    db.transaction(async (tx) => {
      await tx.insert(groups).values(values)
      await recordAudit(tx, { by: giver, action: 'group.create', target: groupTarget(values), after: { ...input } })
    }),
  )
  return readGroup(db, id)
}

export async function updateGroup(db: Db, giver: Giver, { id, change }: { id: string; change: GroupChange }) {
  const values = withoutUndefined(change)
  await refusingTakenName({ what: 'group', name: change.name ?? '' }, () =>
    db.transaction(async (tx) => {
      const before = await readGroup(tx, id)
      if (Object.keys(values).length > 0) await tx.update(groups).set(values).where(eq(groups.id, id))
      const changed = changedFields(auditedOf(before), auditedOf({ ...before, ...values }))
      if (changed) await recordAudit(tx, { by: giver, action: 'group.update', target: groupTarget(before), ...changed })
    }),
  )
  return readGroup(db, id)
}

export const groupTarget = ({ id, name }: Named) => ({ kind: 'group', id, name })
const auditedOf = ({ name, description }: Pick<GroupHead, 'name' | 'description'>) => ({ name, description })

/** Deletes a group: its members lose what they had by it. */
export async function deleteGroup(db: Db, giver: Giver, id: string): Promise<void> {
  await db.transaction(async (tx) => {
    await holdGroup(tx, giver, id)
    const { name, members, roles: granted } = await readGroup(tx, id)
    await tx.delete(groups).where(eq(groups.id, id))
    await recordAudit(tx, {
      by: giver,
      action: 'group.delete',
      target: groupTarget({ id, name }),
      before: { members, roles: granted },
    })
  })
}

/** Puts somebody into a group; again changes nothing. */
export async function addMember(db: Db, giver: Giver, membership: Membership): Promise<void> {
  const { userId, groupId } = membership
  await db.transaction(async (tx) => {
    const group = await assertMayLetIn(tx, giver, groupId)
    const { id, name } = await findUser(tx, userId)
    const added = await refusingGone({ userId }, () =>
      tx.insert(groupMembers).values(membership).onConflictDoNothing().returning(),
    )
    if (added.length === 0) return
    const after = { member: { id, name } }
    await recordAudit(tx, { by: giver, action: 'group.add-member', target: groupTarget(group), after })
  })
}

/** Takes somebody out of a group; who is not in it is as was asked for. */
export async function removeMember(db: Db, giver: Giver, { groupId, userId }: Membership): Promise<void> {
  await db.transaction(async (tx) => {
    const group = await holdGroup(tx, giver, groupId)
    const gone = await tx
      .delete(groupMembers)
      .where(and(eq(groupMembers.groupId, groupId), eq(groupMembers.userId, userId)))
      .returning()
    if (gone.length === 0) return
    const { id, name } = await findUser(tx, userId)
    const before = { member: { id, name } }
    await recordAudit(tx, { by: giver, action: 'group.remove-member', target: groupTarget(group), before })
  })
}

/** Holds a group that the giver may put people into. Rejects with `forbidden`, or `group-not-found`. */
export async function assertMayLetIn(db: Executor, giver: Giver, groupId: string): Promise<Named> {
  const group = await holdGroup(db, giver, groupId)
  await assertMayShare(db, giver, groupId)
  return group
}

/** Holds a group whose roles are within the giver's rights, and those roles: meanwhile nobody puts more into them. */
async function holdGroup(db: Executor, giver: Giver, id: string): Promise<Named> {
  const [row] = await db
    .select({ id: groups.id, name: groups.name })
    .from(groups)
    .where(eq(groups.id, id))
    .for('update')
  if (row === undefined) throw notFound(id)
  const granted = await db
    .select({ permissions: roles.permissions })
    .from(roles)
    .where(sql`exists (select 1 from group_roles g where g.role_id = roles.id and g.group_id = ${id})`)
    .orderBy(asc(roles.id))
    .for('share')
  assertHas(
    giver,
    granted.flatMap(({ permissions }) => permissions),
  )
  return row
}

/** To be in a group is to use the environments that are shared with it: who may not use them lets nobody in. */
async function assertMayShare(db: Executor, giver: Giver, groupId: string): Promise<void> {
  if (administrates(giver) || giver.groupIds.includes(groupId)) return
  const shared = await db
    .select({ id: environmentGroups.environmentId })
    .from(environmentGroups)
    .where(eq(environmentGroups.groupId, groupId))
    .limit(1)
  if (shared.length > 0) throw forbidden()
}

const notFound = (id: string) =>
  new DrydockError('group-not-found', `Cannot find group "${id}": there is none that you may see`)
