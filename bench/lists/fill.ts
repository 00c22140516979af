import type { SqlClient } from '../../domain/db.ts'

/** One in so many tasks is the member's; the others have as many different creators. */
export const CREATORS = 100
export const ENVIRONMENTS = 50
export const MEMBER = 'member'
export const ENVIRONMENT = 'e07'
/** What a filter by state asks for: neither the rarest nor the commonest. */
export const STATE = 'failed'

/** Fills an empty database with finished and open tasks of a year, mixed so that every page touches far-apart rows. */
export async function fillTasks(client: SqlClient, tasks: number): Promise<void> {
  await client`insert into users (id, name, email, role)
    select case i when 7 then ${MEMBER} else 'u' || i end, 'user ' || i, 'u' || i || '@example.test', 'member'
    from generate_series(0, ${CREATORS - 1}::int) as i`
  await client`insert into repositories (id, forge, address) values ('r', 'git', '/srv/r')`
  await client`insert into environments (id, name, repository_id, image)
    select 'e' || lpad(i::text, 2, '0'), 'environment ' || i, 'r', 'base' from generate_series(0, ${ENVIRONMENTS - 1}::int) as i`
  await client`insert into tasks (id, title, environment_id, mode, creator_id, product, agent, state, created_at)
    select lpad(to_hex(i), 16, '0'), 'Make the thing number ' || i || ' work again',
      'e' || lpad(((i / ${CREATORS}::int) % ${ENVIRONMENTS}::int)::text, 2, '0'), 'code',
      case i % ${CREATORS}::int when 7 then ${MEMBER} else 'u' || i % ${CREATORS}::int end, 'cli', 'command',
      (array['succeeded', 'succeeded', 'succeeded', 'succeeded', 'succeeded', 'succeeded', 'succeeded', ${STATE}, ${STATE},
        'cancelled'])[1 + floor(random() * 10)::int],
      now() - random() * interval '365 days'
    from generate_series(0, ${tasks - 1}::int) as i`
  await client.unsafe('vacuum analyze tasks, users, environments')
}
