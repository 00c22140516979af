import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { ownImages } from '../../bin/own-images.ts'
import { packageRoot } from '../../bin/config.ts'
import { migrateDatabase, openDatabase } from '../../domain/db.ts'
import type { DatabaseAddress } from '../../domain/db.ts'
import { cleanupStack } from '../../runner/cleanup.ts'
import { startEmbeddedPostgres } from '../../runner/database/embedded-postgres.ts'
import { createDockerEngine } from '../../runner/sandbox/docker.ts'
import { atExit, removeLabelled } from './at-exit.ts'
import { makeFolder } from './folder.ts'
import { progress } from './report.ts'

export type BenchDatabase = AsyncDisposable & { address: DatabaseAddress }

/** The database that a server starts for itself, in a folder and on a volume of its own: fsync on, schema up to date. */
export async function startDatabase(): Promise<BenchDatabase> {
  const cleanup = cleanupStack()
  const { signal } = new AbortController()
  try {
    const dataDir = makeFolder('drydock-bench-', cleanup)
    const engine = createDockerEngine()
    cleanup.defer(() => engine[Symbol.asyncDispose]())
    const images = ownImages(new Map(), async (ref) => (await engine.imageInfo(ref)) !== undefined)
    const image = (await images.ensure('postgres', signal, progress)) ?? ''
    const installation = `bench${randomBytes(4).toString('hex')}`
    const name = `drydock-postgres-${installation}`
    cleanup.defer(atExit(() => removeLabelled(installation)))
    cleanup.defer(() => engine.removeVolume(name))
    cleanup.defer(() => engine.removeService(name))
    const input = { engine, dataDir, installation, image, probe, onEvent: progress }
    const { address } = await startEmbeddedPostgres(input, signal)
    await migrateDatabase(address, join(packageRoot, 'migrations'))
    return { address, [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose]() }
  } catch (error) {
    await cleanup[Symbol.asyncDispose]()
    throw error
  }
}

async function probe(address: DatabaseAddress): Promise<void> {
  await using database = openDatabase(address, { max: 1 })
  await database.client`select 1`
}
