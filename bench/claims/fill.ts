import type { SqlClient } from '../../domain/db.ts'

export type Shape = { users: number; environments: number; queued: number }

/** A user's cap: low enough to bind for every second one, out of reach for the others. */
export const userCap = (user: number): number => (user % 2 === 0 ? 3 : 1_000_000)
/** Every tenth environment has a cap that binds, too. */
export const environmentCap = (environment: number): number => (environment % 10 === 0 ? 40 : 1_000_000)

export const userId = (user: number): string => `u${String(user).padStart(4, '0')}`
export const environmentId = (environment: number): string => `e${String(environment).padStart(4, '0')}`

/** Fills an empty database with a queue: the users' attempts spread evenly over the environments, ages shuffled. */
export async function fillQueue(client: SqlClient, shape: Shape): Promise<void> {
  const users = Array.from({ length: shape.users }, (_, i) => ({ id: userId(i), cap: userCap(i) }))
  const environments = Array.from({ length: shape.environments }, (_, i) => ({
    id: environmentId(i),
    cap: environmentCap(i),
  }))
  await client`insert into users (id, name, email, role, max_running)
    select id, id, id || '@example.test', 'member', cap from jsonb_to_recordset(${JSON.stringify(users)}::jsonb) as u(id text, cap int)`
  await client`insert into repositories (id, forge, address) values ('r', 'git', '/srv/r')`
  await client`insert into environments (id, name, repository_id, image, max_running)
    select id, id, 'r', 'base', cap from jsonb_to_recordset(${JSON.stringify(environments)}::jsonb) as e(id text, cap int)`
  await insertAttempts(client, shape)
}

/** Triggers are off while a row's load is known beforehand: a million counts one by one would take minutes. */
async function insertAttempts(client: SqlClient, { users, environments, queued }: Shape): Promise<void> {
  await client.begin(async (sql) => {
    await sql`alter table attempts disable trigger user`
    await sql`create temporary table drawn on commit drop as
      select lpad(to_hex(i), 8, '0') as id, 'u' || lpad((i % ${users}::int)::text, 4, '0') as user_id,
        'e' || lpad(((i / ${users}::int) % ${environments}::int)::text, 4, '0') as environment_id,
        now() - random() * interval '1 day' as created_at
      from generate_series(0, ${queued - 1}::int) as i`
    await sql`insert into tasks (id, title, environment_id, mode, creator_id, product, agent, created_at)
      select id, 'a task', environment_id, 'code', user_id, 'api', 'command', created_at from drawn`
    await sql`insert into turns (id, task_id, n, prompt) select id, id, 1, 'true' from drawn`
    await sql`insert into attempts (id, turn_id, task_id, environment_id, user_id, n, created_at)
      select id, id, id, environment_id, user_id, 1, created_at from drawn`
    await sql`insert into user_load (user_id, queued) select user_id, count(*) from drawn group by 1`
    await sql`insert into environment_load (environment_id, queued) select environment_id, count(*) from drawn group by 1`
    await sql`alter table attempts enable trigger user`
  })
  await client.unsafe('vacuum analyze attempts, tasks, turns, user_load, environment_load')
}
