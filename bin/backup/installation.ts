import { readFileSync } from 'node:fs'
import { access, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pino } from 'pino'
import { migrateDatabase, openDatabase } from '../../domain/db.ts'
import type { Database, DatabaseAddress } from '../../domain/db.ts'
import { DrydockError } from '../../domain/errors.ts'
import { assertOpens } from '../../domain/secrets/canary.ts'
import { cleanupStack } from '../../runner/cleanup.ts'
import { embeddedAddress } from '../../runner/database/embedded-postgres.ts'
import { createDockerEngine } from '../../runner/sandbox/docker.ts'
import { packageRoot } from '../config.ts'
import type { ServerConfig } from '../config.ts'
import { openDataFolder } from '../data-folder.ts'
import { findDatabase } from '../find-database.ts'
import { masterKeyFile, openKeyring } from '../keyring.ts'
import { createLogger } from '../logger.ts'
import { ownImages } from '../own-images.ts'
import type { Manifest } from './format.ts'
import { loadBackup, readManifest } from './read.ts'
import { writeBackup } from './write.ts'
import type { Written } from './write.ts'

/** The last of the migrations that this version has. */
export function lastMigration(): string {
  const journal = readFileSync(join(packageRoot, 'migrations', 'meta', '_journal.json'), 'utf8')
  return (JSON.parse(journal) as { entries: { tag: string }[] }).entries.at(-1)?.tag ?? ''
}

/** Backs up an installation, whose server may go on meanwhile; its own database must run. */
export async function backUp(config: ServerConfig, file: string): Promise<Written> {
  const installation = await readInstallation(config.dataDir)
  if (installation === undefined) {
    throw new DrydockError(
      'config-invalid',
      `Cannot back up: there is no installation in ${config.dataDir}. Name it with --data`,
    )
  }
  await using database = openDatabase(await addressOf(config), { max: 1 })
  await assertReached(database, config)
  return await writeBackup(database, file, { installation, migration: lastMigration() })
}

async function addressOf({ databaseUrl, dataDir }: ServerConfig): Promise<DatabaseAddress> {
  return databaseUrl === undefined ? embeddedAddress(dataDir) : { kind: 'url', url: databaseUrl }
}

/** The driver waits and tries again for long. */
async function assertReached({ client }: Database, { dataDir, databaseUrl }: ServerConfig): Promise<void> {
  const [row] = await client<{ tag: string }[]>`select 1 as tag`.catch((error: unknown) => {
    const what =
      databaseUrl === undefined
        ? `the database of ${dataDir} does not answer. Start the server`
        : 'the database of DATABASE_URL does not answer'
    throw new DrydockError('database-unavailable', `Cannot back up: ${what}`, { cause: error })
  })
  if (row === undefined) throw new Error('a select without a row')
}

/**
 * Restores a backup into a data folder and a database that nobody has used. Nothing is written before it is sure that the master
 * keys fit; when it fails, the folder has no installation and the database no rows.
 */
export async function restore(config: ServerConfig, file: string, signal: AbortSignal): Promise<{ rows: number }> {
  const manifest = await readManifest(file)
  await assertFits(config, manifest)
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 })
  const mark = join(config.dataDir, 'installation')
  await writeFile(mark, manifest.installation, { mode: 0o600, flag: 'wx' })
  try {
    return await load(config, file, signal)
  } catch (error) {
    await rm(mark, { force: true })
    throw error
  }
}

async function assertFits(config: ServerConfig, { migration, canary }: Manifest): Promise<void> {
  if (migration !== lastMigration()) {
    throw new DrydockError(
      'config-invalid',
      `Cannot restore: the backup is of a database at ${migration}, and this version is at ${lastMigration()}. Restore with the version that made it, then update`,
    )
  }
  if ((await readInstallation(config.dataDir)) !== undefined) {
    throw new DrydockError(
      'config-invalid',
      `Cannot restore: there is an installation in ${config.dataDir}. Name an empty folder with --data`,
    )
  }
  assertOpens(await givenKeyring(config), Buffer.from(canary, 'base64'))
}

/** Keys that somebody gave; a new one, as a first start makes it, opens nothing. */
async function givenKeyring({ masterKeys, dataDir }: ServerConfig) {
  const { encoded = [], file, command } = masterKeys
  const isGiven = encoded.length > 0 || file !== undefined || command !== undefined
  const own = masterKeyFile(dataDir)
  const keyring = isGiven || (await exists(own)) ? await openKeyring({ ...masterKeys, dataDir }) : undefined
  if (keyring) return keyring
  throw new DrydockError(
    'config-invalid',
    `Cannot restore: the master key is in no backup. Put it into ${own}, readable by you only, or give it by DRYDOCK_MASTER_KEY`,
  )
}

async function load(config: ServerConfig, file: string, signal: AbortSignal): Promise<{ rows: number }> {
  await using cleanup = cleanupStack()
  const logger = createLogger({ level: config.logLevel, role: 'restore' }, pino.destination(2))
  const folder = await openDataFolder(config.dataDir, 'all')
  cleanup.defer(() => folder[Symbol.asyncDispose]())
  const engine = createDockerEngine({ socketPath: config.dockerSocket, diskFolder: config.dataDir })
  cleanup.defer(() => engine[Symbol.asyncDispose]())
  const images = ownImages(config.images, async (ref) => (await engine.imageInfo(ref)) !== undefined)
  const parts = { config, folder, engine, images, logger, stop: signal }
  const address = await findDatabase({ ...parts, defer: cleanup.defer })
  await migrateDatabase(address, join(packageRoot, 'migrations'))
  await using database = openDatabase(address, { max: 1 })
  return await loadBackup(database, file)
}

const readInstallation = (dataDir: string) =>
  readFile(join(dataDir, 'installation'), 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  )

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )
