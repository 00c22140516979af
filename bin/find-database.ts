import type { Logger } from 'pino'
import { openDatabase } from '../domain/db.ts'
import type { DatabaseAddress } from '../domain/db.ts'
import { DrydockError } from '../domain/errors.ts'
import { startEmbeddedPostgres } from '../runner/database/embedded-postgres.ts'
import type { Engine } from '../runner/sandbox/engine.ts'
import type { ServerConfig } from './config.ts'
import type { DataFolder } from './data-folder.ts'
import type { OwnImages } from './own-images.ts'

type DatabaseInput = {
  config: ServerConfig
  folder: DataFolder | undefined
  engine: Engine
  images: OwnImages
  logger: Logger
  stop: AbortSignal
  defer: (release: () => Promise<void>) => void
}

/** The database that the configuration names, or else that of the data folder, which is started and kept running until `defer` is done. */
export async function findDatabase({
  config,
  folder,
  engine,
  images,
  logger,
  stop,
  defer,
}: DatabaseInput): Promise<DatabaseAddress> {
  if (config.databaseUrl) return { kind: 'url', url: config.databaseUrl }
  if (!folder) throw new DrydockError('config-invalid', 'Cannot start without a data folder: DATABASE_URL is not set.')
  const image = await images.ensure('postgres', stop, (line) => logger.info(line))
  const shared = await folder.share('postgres')
  defer(async () => shared[Symbol.asyncDispose]())
  const postgres = await startEmbeddedPostgres(
    {
      engine,
      dataDir: folder.path,
      installation: folder.installation,
      image: image ?? '',
      probe,
      onEvent: (message) => logger.warn(message),
    },
    stop,
  )
  const supervision = new AbortController()
  const supervised = postgres.supervise(supervision.signal)
  defer(async () => {
    supervision.abort()
    await supervised
    // The runner may end before the api of the same folder, which goes on.
    if (await shared.isLast()) await postgres.stop()
  })
  return postgres.address
}

async function probe(address: DatabaseAddress): Promise<void> {
  await using database = openDatabase(address, { max: 1 })
  await database.client`select 1`
}
