import { SERVER } from '../../domain/audit/actions.ts'
import { eq } from 'drizzle-orm'
import type { BuiltInRole, Permission } from '../../domain/access/permissions.ts'
import { SCOPES } from '../../domain/access/principal.ts'
import type { Scope } from '../../domain/access/principal.ts'
import { createToken } from '../../domain/access/tokens.ts'
import type { Db } from '../../domain/db.ts'
import { newId } from '../../domain/ids.ts'
import type { users } from '../../domain/schema.ts'
import { apiTokens } from '../../domain/schema.ts'
import { roles, userRoles } from '../../domain/schema/access.ts'
import { seedEnvironment, seedGroup, seedTask, seedUser } from './seed.ts'
import { environmentCollaborators, environmentGroups } from '../../domain/schema/access.ts'

/** Everybody who may come to the door, as the matrix names them. */
export const KINDS = [
  ...['nobody', 'revoked', 'disabled', 'viewer', 'maker', 'stranger', 'grouped', 'collab', 'admin', 'owner'],
  ...['service', 'reader', 'custom'],
] as const
export type Kind = string

const EMAIL = 'collab@example.test'

export type Person = { userId: string; tokenId: string; token: string }
export type People = { of: ReadonlyMap<Kind, Person>; groupId: string }

type Who = {
  role: BuiltInRole
  gives?: Permission[]
  scopes?: readonly Scope[]
  is?: Partial<typeof users.$inferInsert>
}

const WHO: Readonly<Record<Kind, Who>> = {
  revoked: { role: 'admin' },
  disabled: { role: 'admin', is: { disabledAt: new Date() } },
  viewer: { role: 'viewer' },
  maker: { role: 'member', gives: ['environments.manage'] },
  stranger: { role: 'member' },
  grouped: { role: 'member' },
  collab: { role: 'member', is: { email: EMAIL.toUpperCase(), emailVerified: true } },
  admin: { role: 'admin' },
  owner: { role: 'owner' },
  service: { role: 'member', is: { kind: 'service' } },
  reader: { role: 'admin', scopes: ['read'] },
  custom: { role: 'viewer', gives: ['settings.manage', 'members.manage'] },
}

export async function seedPeople(db: Db): Promise<People> {
  const of = new Map<Kind, Person>()
  for (const [kind, who] of Object.entries(WHO)) of.set(kind, await seedPerson(db, who))
  const revoked = of.get('revoked')
  if (revoked) await db.update(apiTokens).set({ revokedAt: new Date() }).where(eq(apiTokens.id, revoked.tokenId))
  return { of, groupId: await seedGroup(db, { members: [of.get('grouped')?.userId ?? ''] }) }
}

async function seedPerson(db: Db, { role, gives = [], scopes = SCOPES, is = {} }: Who): Promise<Person> {
  const userId = await seedUser(db, { role, ...is })
  if (gives.length > 0) {
    const roleId = newId()
    await db.insert(roles).values({ id: roleId, name: roleId, permissions: gives })
    await db.insert(userRoles).values({ userId, roleId })
  }
  const { token, view } = await createToken(db, { by: SERVER, userId, name: 'matrix', scopes })
  return { userId, tokenId: view.id, token }
}

export type Objects = Record<
  'environmentId' | 'environmentName' | 'taskId' | 'attemptId' | 'userId' | 'groupId' | 'roleId',
  string
>

/**
 * An environment of the maker, for one group and one collaborator, with a task of the maker; and a service account, a group
 * and a role that have no rights.
 */
export async function seedObjects(db: Db, { of, groupId: mayUse }: People): Promise<Objects> {
  const maker = of.get('maker')?.userId ?? ''
  const environmentName = `secret-${newId()}`
  const environmentId = await seedEnvironment(db, { name: environmentName, createdBy: maker, visibility: 'groups' })
  await db.insert(environmentGroups).values({ environmentId, groupId: mayUse })
  await db.insert(environmentCollaborators).values({ environmentId, email: EMAIL })
  const { taskId, attemptIds } = await seedTask(db, { userId: maker, environmentId })
  const userId = await seedUser(db, { role: 'viewer', kind: 'service' })
  const roleId = newId()
  await db.insert(roles).values({ id: roleId, name: roleId, permissions: [] })
  const groupId = await seedGroup(db)
  return { environmentId, environmentName, taskId, attemptId: attemptIds[0] ?? '', userId, groupId, roleId }
}
