import { eq, sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { createGroup } from '../../../../domain/access/groups.ts'
import { PERMISSIONS } from '../../../../domain/access/permissions.ts'
import { createRole, grantRole } from '../../../../domain/access/roles.ts'
import { groups } from '../../../../domain/schema/access.ts'
import { deferred } from '../../../../runner/deferred.ts'
import { testDatabase } from '../../../support/database.ts'
import { seedUser } from '../../../support/seed.ts'

test('a role that is given to a group which is deleted at that moment is refused, as for one that never was', async () => {
  await using database = await testDatabase()
  const { db } = database
  const owner = {
    userId: await seedUser(db, { role: 'owner' }),
    name: 'Ada',
    role: 'owner' as const,
    permissions: new Set(PERMISSIONS),
    groupIds: [],
  }
  const group = await createGroup(db, owner, { name: 'makers' })
  const role = await createRole(db, owner, { name: 'looks', permissions: ['audit.read'] })
  const open = deferred()
  const isGone = deferred()
  const deleting = db.transaction(async (tx) => {
    await tx.delete(groups).where(eq(groups.id, group.id))
    isGone.resolve()
    await open.promise
  })
  await isGone.promise
  const granting = grantRole(db, owner, { roleId: role.id, to: { groupId: group.id } })
  const refused = expect(granting).rejects.toMatchObject({ code: 'group-not-found' })
  const waiting = () =>
    db.execute(
      sql`select from pg_stat_activity where wait_event_type = 'Lock' and query like 'insert into "group_roles"%'`,
    )
  await expect.poll(async () => (await waiting()).length).toBe(1)
  open.resolve()
  await deleting
  await refused
})
