import { createHash } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { BACKUP, SERVER } from '../../domain/audit/actions.ts'
import { recordAudit } from '../../domain/audit/record.ts'
import { copyOut, inSnapshot, tablesInOrder } from '../../domain/backup/tables.ts'
import type { Connection } from '../../domain/backup/tables.ts'
import type { Database } from '../../domain/db.ts'
import { DrydockError } from '../../domain/errors.ts'
import { END_OF_ROWS } from './format.ts'
import type { Manifest } from './format.ts'

export type Written = { tables: number; rows: number; bytes: number }
type Sink = { put: (bytes: Buffer | string) => Promise<void>; digest: () => string; bytes: () => number }

const NEW_LINE = 0x0a

/** Writes a backup into a new file that only its maker can read. Leaves none that has only a part. */
export async function writeBackup(
  { db, client }: Database,
  file: string,
  about: Pick<Manifest, 'installation' | 'migration'>,
): Promise<Written> {
  const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'EEXIST' ? 'it is there already' : error.message
    throw new DrydockError('invalid-request', `Cannot write ${file}: ${why}`, { cause: error })
  })
  try {
    await db.transaction((tx) => recordAudit(tx, { by: SERVER, action: 'backup.write', target: BACKUP }))
    const sink = hashing((bytes) => handle.appendFile(bytes))
    const counts = await inSnapshot(client, (connection) => writeAll(connection, { sink, about }))
    await handle.sync()
    return { ...counts, bytes: sink.bytes() }
  } catch (error) {
    await rm(file, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

type Input = { sink: Sink; about: Pick<Manifest, 'installation' | 'migration'> }

async function writeAll(connection: Connection, { sink, about }: Input): Promise<{ tables: number; rows: number }> {
  const canary = await readCanary(connection)
  const manifest: Manifest = { drydockBackup: 1, at: new Date().toISOString(), ...about, canary }
  await sink.put(`${JSON.stringify(manifest)}\n`)
  const tables = await tablesInOrder(connection)
  let rows = 0
  for (const shape of tables) {
    await sink.put(`${JSON.stringify(shape)}\n`)
    for await (const chunk of (await copyOut(connection, shape)) as AsyncIterable<Buffer>) {
      for (const byte of chunk) if (byte === NEW_LINE) rows++
      await sink.put(chunk)
    }
    await sink.put(`${END_OF_ROWS}\n`)
  }
  await sink.put(`${JSON.stringify({ end: true, rows, sha256: sink.digest() })}\n`)
  return { tables: tables.length, rows }
}

async function readCanary(connection: Connection): Promise<string> {
  const [row] = await connection.unsafe<{ canary: string }[]>(
    `select replace(encode(sealed_text, 'base64'), E'\\n', '') as canary from key_canary`,
  )
  if (row) return row.canary
  throw new DrydockError('config-invalid', 'Cannot back up: this database was never served. Start the server once')
}

function hashing(write: (bytes: Buffer | string) => Promise<void>): Sink {
  const hash = createHash('sha256')
  let bytes = 0
  return {
    put: async (chunk) => {
      hash.update(chunk)
      bytes += Buffer.byteLength(chunk)
      await write(chunk)
    },
    digest: () => hash.copy().digest('hex'),
    bytes: () => bytes,
  }
}
