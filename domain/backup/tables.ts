// The database as text, table by table: what PostgreSQL's COPY writes and reads. It needs no program of PostgreSQL's on either
// side, and goes between servers of different versions.

import type { Readable, Writable } from 'node:stream'
import type { SqlClient } from '../db.ts'

/** A transaction of the driver. */
export type Connection = Parameters<Parameters<SqlClient['begin']>[1]>[0]

export type TableShape = { table: string; columns: string[] }

/** All tables of the schema, those that others point to before these. */
export async function tablesInOrder(connection: Connection): Promise<TableShape[]> {
  const tables = await connection.unsafe<TableShape[]>(`
    select c.relname as table, array_agg(a.attname::text order by a.attnum) as columns
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' group by c.relname order by c.relname`)
  const points = await connection.unsafe<{ from: string; to: string }[]>(`
    select f.relname as from, t.relname as to from pg_constraint k
    join pg_class f on f.oid = k.conrelid join pg_class t on t.oid = k.confrelid
    where k.contype = 'f' and k.connamespace = 'public'::regnamespace and f.oid <> t.oid`)
  const left = new Map(tables.map((shape) => [shape.table, shape]))
  const ordered: TableShape[] = []
  while (left.size > 0) {
    const free = [...left.values()].filter(
      ({ table }) => !points.some(({ from, to }) => from === table && left.has(to)),
    )
    if (free.length === 0) throw new Error(`the tables ${[...left.keys()].join(', ')} point at each other`)
    for (const shape of free) left.delete(shape.table)
    ordered.push(...free)
  }
  return ordered.map(({ table, columns }) => ({ table, columns: [...columns] }))
}

/** Within one snapshot, so that all tables are of the same moment. */
export async function inSnapshot<T>(client: SqlClient, work: (connection: Connection) => Promise<T>): Promise<T> {
  return client.begin('isolation level repeatable read read only', work) as Promise<T>
}

/** The rows as lines of text. */
export const copyOut = (connection: Connection, shape: TableShape): Promise<Readable> =>
  connection.unsafe(`copy ${listed(shape)} to stdout`).readable()

/** Takes such lines. The guards of a table are away meanwhile: what they once let in is let in again. */
export const copyIn = (connection: Connection, shape: TableShape): Promise<Writable> =>
  connection.unsafe(`copy ${listed(shape)} from stdin`).writable()

export async function setGuards(
  connection: Connection,
  { tables, on }: { tables: readonly TableShape[]; on: boolean },
): Promise<void> {
  for (const { table } of tables) {
    await connection.unsafe(`alter table ${quoted(table)} ${on ? 'enable' : 'disable'} trigger user`)
  }
}

/** Whether nobody has worked here: there are no people, and the audit log is at its beginning. */
export async function isEmpty(connection: Connection): Promise<boolean> {
  const [row] = await connection.unsafe<{ empty: boolean }[]>(`
    select not exists (select from users) and not exists (select from settings)
      and (select seq = 0 from audit_head) as empty`)
  return row?.empty === true
}

/** What migrations put in, and the backup has in its own form. */
export async function clear(connection: Connection, tables: readonly TableShape[]): Promise<void> {
  for (const { table } of [...tables].reverse()) await connection.unsafe(`delete from ${quoted(table)}`)
}

const listed = ({ table, columns }: TableShape) => `${quoted(table)} (${columns.map(quoted).join(', ')})`
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
