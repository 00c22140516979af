import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDatabase } from '../../domain/db.ts'
import type { Database } from '../../domain/db.ts'

/** The database of a data folder. Its container lives on when the server is killed, so it can be asked at any time. */
export function openDataFolderDatabase(dataDir: string): Database {
  const folder = join(dataDir, 'postgres')
  const password = readFileSync(join(folder, 'password'), 'utf8').trim()
  const address = { folder: join(folder, 'socket'), user: 'drydock', password, database: 'drydock' }
  return openDatabase({ kind: 'socket', ...address }, { max: 3 })
}
