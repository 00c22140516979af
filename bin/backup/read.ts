import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import type { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { z } from 'zod'
import { BACKUP, SERVER } from '../../domain/audit/actions.ts'
import { recordAudit } from '../../domain/audit/record.ts'
import { clear, copyIn, isEmpty, setGuards, tablesInOrder } from '../../domain/backup/tables.ts'
import type { Connection, TableShape } from '../../domain/backup/tables.ts'
import type { Database } from '../../domain/db.ts'
import { DrydockError } from '../../domain/errors.ts'
import { END_OF_ROWS, End, Manifest, TableHead, broken, linesOf, parseLine } from './format.ts'

/** What a backup is of, by its first line. */
export async function readManifest(file: string): Promise<Manifest> {
  for await (const line of linesOf(createReadStream(file))) return parseLine(Manifest, line)
  throw broken('it is empty')
}

/** Loads a backup into a database of the same form that nobody has worked with: all of it, or nothing. */
export async function loadBackup({ db, client }: Database, file: string): Promise<{ rows: number }> {
  const { at } = await readManifest(file)
  const rows = await client.begin<number>((connection) => loadAll(connection, file))
  await db.transaction((tx) =>
    recordAudit(tx, { by: SERVER, action: 'backup.restore', target: BACKUP, after: { at, rows } }),
  )
  return { rows }
}

async function loadAll(connection: Connection, file: string): Promise<number> {
  if (!(await isEmpty(connection))) {
    throw new DrydockError(
      'invalid-request',
      'Cannot restore: this database is not empty. Name one that nobody has used',
    )
  }
  const tables = await tablesInOrder(connection)
  await setGuards(connection, { tables, on: false })
  await clear(connection, tables)
  const rows = await readAll(connection, { file, tables })
  await setGuards(connection, { tables, on: true })
  return rows
}

type Input = { file: string; tables: readonly TableShape[] }

/** Nothing of it counts before the last line has said that all lines are there, and as they were written. */
async function readAll(connection: Connection, { file, tables }: Input): Promise<number> {
  const hash = createHash('sha256')
  const lines = linesOf(createReadStream(file))
  const next = async () => (await lines.next()).value ?? undefined
  const take = async () => {
    const line = await next()
    if (line === undefined) throw broken('it ends too early')
    hash.update(line).update('\n')
    return line
  }
  await take()
  let rows = 0
  for (;;) {
    const line = await next()
    if (line === undefined) throw broken('it ends too early')
    const head = parseLine(z.union([End, TableHead]), line)
    if ('end' in head) {
      if (head.sha256 !== hash.digest('hex') || head.rows !== rows) throw broken('it was changed')
      return rows
    }
    hash.update(line).update('\n')
    if (!tables.some((known) => JSON.stringify(known) === JSON.stringify(head))) {
      throw broken(`this version has no such table "${head.table}"`)
    }
    rows += await readRows(await copyIn(connection, head), take)
  }
}

async function readRows(table: Writable, take: () => Promise<Buffer>): Promise<number> {
  const over = finished(table)
  over.catch(() => undefined)
  let rows = 0
  for (let line = await take(); line.toString('latin1', 0, 3) !== END_OF_ROWS; line = await take()) {
    rows++
    if (!table.write(Buffer.concat([line, NEW_LINE]))) await Promise.race([once(table, 'drain'), over])
  }
  table.end()
  await over
  return rows
}

const NEW_LINE = Buffer.from('\n')
