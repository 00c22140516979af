// Who may use an environment: its owner always, its collaborators, and whom its visibility names.

import { and, asc, eq, inArray, or, sql } from 'drizzle-orm'
import { foldEmail } from '../access/principal.ts'
import type { Viewer } from '../access/principal.ts'
import { seesAllGroups } from '../access/decide.ts'
import type { Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { environments } from '../schema.ts'
import { environmentCollaborators, environmentGroups, groups } from '../schema/access.ts'
import { clearSecrets } from './secrets.ts'

export const VISIBILITIES = ['private', 'groups', 'workspace'] as const
export type Visibility = (typeof VISIBILITIES)[number]

export type Sharing = {
  visibility: Visibility
  /** They count while the visibility is `groups`. */
  groups: { id: string; name: string }[]
  collaborators: string[]
}
/** Sharing to change; lists take the place of those that there are. Groups by id. */
export type SharingChange = {
  visibility?: Visibility | undefined
  groups?: readonly string[] | undefined
  collaborators?: readonly string[] | undefined
  /** For administrators: the secrets stay, whoever may use them from now on (R23). */
  keepSecrets?: boolean | undefined
}

export async function readSharing(db: Executor, environmentId: string): Promise<Sharing> {
  const [row] = await db
    .select({ visibility: environments.visibility })
    .from(environments)
    .where(eq(environments.id, environmentId))
  const named = await db
    .select({ id: groups.id, name: groups.name })
    .from(environmentGroups)
    .innerJoin(groups, eq(groups.id, environmentGroups.groupId))
    .where(eq(environmentGroups.environmentId, environmentId))
    .orderBy(asc(groups.name))
  const emails = await db
    .select({ email: environmentCollaborators.email })
    .from(environmentCollaborators)
    .where(eq(environmentCollaborators.environmentId, environmentId))
    .orderBy(asc(environmentCollaborators.email))
  return { visibility: row?.visibility ?? 'private', groups: named, collaborators: emails.map(({ email }) => email) }
}

/**
 * Changes who may use an environment, which the caller holds. Where more people may afterwards, its secrets are cleared,
 * for they were entrusted to those who could edit and run it before (R23); answers with their names.
 */
export async function changeSharing(db: Executor, environmentId: string, change: SharingChange): Promise<string[]> {
  const before = await readSharing(db, environmentId)
  const { visibility } = change
  if (visibility) await db.update(environments).set({ visibility }).where(eq(environments.id, environmentId))
  if (change.groups) await replaceGroups(db, environmentId, change.groups)
  if (change.collaborators) await replaceCollaborators(db, environmentId, change.collaborators)
  const isWider = isWiderThan(before, await readSharing(db, environmentId))
  return isWider && change.keepSecrets !== true ? clearSecrets(db, environmentId) : []
}

async function replaceGroups(db: Executor, environmentId: string, ids: readonly string[]): Promise<void> {
  await db.delete(environmentGroups).where(eq(environmentGroups.environmentId, environmentId))
  const rows = [...new Set(ids)].map((groupId) => ({ environmentId, groupId }))
  if (rows.length > 0) await db.insert(environmentGroups).values(rows)
}

async function replaceCollaborators(db: Executor, environmentId: string, emails: readonly string[]): Promise<void> {
  await db.delete(environmentCollaborators).where(eq(environmentCollaborators.environmentId, environmentId))
  const rows = [...new Set(emails.map(foldEmail))].map((email) => ({ environmentId, email }))
  if (rows.length > 0) await db.insert(environmentCollaborators).values(rows)
}

/** Says whether somebody may use or edit it after, who may not before. */
function isWiderThan(before: Sharing, after: Sharing): boolean {
  // A collaborator edits, which no visibility gives.
  if (after.collaborators.some((email) => !before.collaborators.includes(email))) return true
  if (before.visibility === 'workspace' || after.visibility === 'private') return false
  if (after.visibility === 'workspace') return true
  const had = before.visibility === 'groups' ? before.groups.map(({ id }) => id) : []
  return after.groups.some(({ id }) => !had.includes(id))
}

export type GroupQuestion = { named: readonly string[]; environmentId?: string }

/**
 * The ids of groups that somebody names, by id or name: of those that they see, or that the environment is shared with
 * already. Rejects with `group-not-found`.
 */
export async function resolveGroups(db: Executor, viewer: Viewer, { named, environmentId = '' }: GroupQuestion) {
  if (named.length === 0) return []
  const isShared = sql`exists (select 1 from environment_groups e
    where e.environment_id = ${environmentId} and e.group_id = groups.id)`
  const isSeen = seesAllGroups(viewer) ? undefined : or(inArray(groups.id, [...viewer.groupIds]), isShared)
  const known = await db
    .select({ id: groups.id, name: groups.name })
    .from(groups)
    .where(and(or(inArray(groups.id, [...named]), inArray(groups.name, [...named])), isSeen))
  return named.map((text) => {
    const found = known.find(({ id }) => id === text) ?? known.find(({ name }) => name === text)
    if (found !== undefined) return found.id
    throw new DrydockError(
      'group-not-found',
      `Cannot find group ${JSON.stringify(text)}: there is none that you may see`,
    )
  })
}
