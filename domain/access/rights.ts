import { sql } from 'drizzle-orm'
import type { ClosedPart } from './principal.ts'
import { users } from '../schema.ts'

/** The groups of a row of `users`. */
export const groupsOfRow = sql<string[]>`array(select m.group_id from group_members m where m.user_id = users.id)`

/**
 * The groups of a row of `users` and what roles give to the person or to those groups, beside the built-in role. Tables
 * are named by the letter: drizzle leaves them out where a statement has only one.
 */
export const rightsColumns = {
  /** Of the workspace. */
  closed: sql<ClosedPart[]>`array(
    select p.part from (values ('cloudForMembers', 'cloud'), ('localUse', 'local')) p(key, part)
    join settings s on s.key = p.key and s.value = 'false'::jsonb)`,
  groupIds: groupsOfRow,
  given: sql<string[]>`array(
    select distinct unnest(r.permissions) from roles r where r.id in (
      select u.role_id from user_roles u where u.user_id = users.id
      union all
      select g.role_id from group_roles g join group_members m on m.group_id = g.group_id where m.user_id = users.id
    ))`,
}

/** Everything of a row of `users` that a principal is made of. */
export const principalColumns = {
  userId: users.id,
  name: users.name,
  email: users.email,
  emailVerified: users.emailVerified,
  role: users.role,
  ...rightsColumns,
}
