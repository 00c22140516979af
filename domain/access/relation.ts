import { sql } from 'drizzle-orm'
import type { SQL } from 'drizzle-orm'
import { administrates } from './decide.ts'
import type { Relation } from './decide.ts'
import type { Viewer } from './principal.ts'
import { groupsOfRow } from './rights.ts'

/**
 * What a person is to the environment of a row; null: nothing. Lists and single objects ask by the same words. The table is
 * named by the letter: drizzle leaves it out where a statement has only one.
 */
export function relationTo({ userId, groupIds, verifiedEmail }: Viewer): SQL<Relation | null> {
  return relation({ userId, groupIds: sql.param([...groupIds]), verifiedEmail: verifiedEmail ?? null })
}

/** The same, of whom a prepared statement gets when it is carried out: `viewerValues`. */
export const relationToPlaceholder = () =>
  relation({
    userId: sql.placeholder('userId'),
    groupIds: sql.placeholder('groupIds'),
    verifiedEmail: sql.placeholder('verifiedEmail'),
  })

/** The same, of the person of a row of `users`: by the words by which `principalOf` says who they are. */
export const relationToRow = () =>
  relation({
    userId: sql`users.id`,
    groupIds: groupsOfRow,
    // What `foldEmail` does to an address: in the locale C, `lower` knows ASCII letters only.
    verifiedEmail: sql`case when users.email_verified then lower(btrim(users.email) collate "C") end`,
  })

export const viewerValues = ({ userId, groupIds, verifiedEmail, permissions }: Viewer) => ({
  ...{ userId, groupIds: [...groupIds], verifiedEmail: verifiedEmail ?? null },
  usesAll: administrates({ permissions }),
})

type Asked = Record<'userId' | 'groupIds' | 'verifiedEmail', unknown>

const relation = ({ userId, groupIds, verifiedEmail }: Asked) => sql<Relation | null>`case
    when environments.created_by = ${userId} then 'owner'
    when exists (select 1 from environment_collaborators c
      where c.environment_id = environments.id and c.email = ${verifiedEmail}::text) then 'collaborator'
    when environments.visibility = 'workspace' or (environments.visibility = 'groups'
      and exists (select 1 from environment_groups g
        where g.environment_id = environments.id and g.group_id = any(${groupIds}::text[]))) then 'user'
  end`

/** Says whether a person may use the environment of a row; no condition for who may use all. */
export function mayUse(viewer: Viewer): SQL | undefined {
  if (administrates(viewer)) return undefined
  return sql`(${relationTo(viewer)}) is not null`
}

/** The same, of whom a prepared statement gets when it is carried out. */
export const mayUsePlaceholder = () =>
  sql`(${sql.placeholder('usesAll')}::boolean or (${relationToPlaceholder()}) is not null)`
