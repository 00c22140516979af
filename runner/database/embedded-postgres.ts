import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { DatabaseAddress } from '../../domain/db.ts'
import { DrydockError } from '../../domain/errors.ts'
import { LABELS } from '../sandbox/engine.ts'
import type { Engine } from '../sandbox/engine.ts'

/** Node cuts the path of a unix socket off at this length, silently, and would then talk to another one. */
const MAX_SOCKET_PATH_BYTES = 107
const START_LIMIT_MS = 60_000
const CHECK_MS = 1000
/** Sandboxes that keep every processor busy must not keep leases from being renewed. */
const DATABASE_CPU_SHARES = 16 * 1024

export type EmbeddedPostgresInput = {
  engine: Engine
  dataDir: string
  installation: string
  image: string
  /** Runs one query; rejects while the database does not answer. */
  probe: (address: DatabaseAddress) => Promise<void>
  onEvent: (message: string) => void
}

export type EmbeddedPostgres = {
  address: DatabaseAddress
  supervise: (signal: AbortSignal) => Promise<void>
  stop: () => Promise<void>
}

/**
 * Finds or starts the PostgreSQL container of a data folder and waits until it answers a query. It has no network: the
 * server reaches it by a unix socket in the data folder. The data is in a named volume, which outlives the container.
 */
export async function startEmbeddedPostgres(
  input: EmbeddedPostgresInput,
  signal: AbortSignal,
): Promise<EmbeddedPostgres> {
  const { engine, installation } = input
  const name = `drydock-postgres-${installation}`
  const folder = join(input.dataDir, 'postgres')
  const socketFolder = join(folder, 'socket')
  requireShortPath(join(socketFolder, '.s.PGSQL.5432'))
  await mkdir(socketFolder, { recursive: true })
  // The container's own user must reach the socket, nobody else: the folder above keeps others out.
  await chmod(folder, 0o700)
  await createPassword(passwordFile(input.dataDir))
  const address = await embeddedAddress(input.dataDir)

  const ensure = async () => {
    const found = await engine.inspectService(name)
    if (found?.running) return
    if (found) {
      await engine.removeService(name)
      input.onEvent('The database container had stopped; starting it again')
    }
    await engine.runService(serviceSpec({ name, folder, socketFolder, input }), signal)
  }
  await ensure()
  await untilAnswers({ input, name, address }, signal)

  return {
    address,
    supervise: (running) => supervise({ ensure, onEvent: input.onEvent }, running),
    stop: () => engine.removeService(name),
  }
}

const passwordFile = (dataDir: string) => join(dataDir, 'postgres', 'password')

/** Where the database of a data folder answers, while it runs. Rejects where that folder has none. */
export async function embeddedAddress(dataDir: string): Promise<DatabaseAddress> {
  const password = await readFile(passwordFile(dataDir), 'utf8').catch((error: unknown) => {
    throw new DrydockError(
      'config-invalid',
      `Cannot find a database in ${dataDir}: set DATABASE_URL if it is elsewhere`,
      {
        cause: error,
      },
    )
  })
  const folder = join(dataDir, 'postgres', 'socket')
  return { kind: 'socket', folder, user: 'drydock', password: password.trim(), database: 'drydock' }
}

type SpecInput = { name: string; folder: string; socketFolder: string; input: EmbeddedPostgresInput }

const serviceSpec = ({ name, folder, socketFolder, input }: SpecInput) => ({
  name,
  image: input.image,
  labels: { [LABELS.installation]: input.installation, [LABELS.kind]: 'service' },
  volumes: [{ name, target: '/var/lib/postgresql' }],
  binds: [
    { host: socketFolder, target: '/run/drydock-pg', readOnly: false },
    { host: join(folder, 'password'), target: '/run/secrets/pg-password', readOnly: true },
  ],
  network: 'none' as const,
  shmMiB: 256,
  cpuShares: DATABASE_CPU_SHARES,
})

/** The engine restarts nothing that it was told to stop, so the server looks itself. */
async function supervise(
  { ensure, onEvent }: { ensure: () => Promise<void>; onEvent: (message: string) => void },
  signal: AbortSignal,
) {
  let complained = false
  while (!signal.aborted) {
    await delay(CHECK_MS, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    try {
      await ensure()
      complained = false
    } catch (error) {
      if (!complained)
        onEvent(`Cannot keep the database running: ${error instanceof Error ? error.message : String(error)}`)
      complained = true
    }
  }
}

async function untilAnswers(
  { input, name, address }: { input: EmbeddedPostgresInput; name: string; address: DatabaseAddress },
  signal: AbortSignal,
): Promise<void> {
  const until = performance.now() + START_LIMIT_MS
  for (;;) {
    signal.throwIfAborted()
    try {
      return await input.probe(address)
    } catch (error) {
      if (performance.now() < until) {
        await delay(50)
        continue
      }
      const log = await input.engine.serviceLog(name, 10)
      throw new DrydockError(
        'engine-unavailable',
        `Cannot start the database: container "${name}" does not answer. Its last lines:\n${log}`,
        { cause: error },
      )
    }
  }
}

async function createPassword(file: string): Promise<void> {
  try {
    await writeFile(file, randomBytes(24).toString('hex'), { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

function requireShortPath(path: string): void {
  const bytes = Buffer.byteLength(path)
  if (bytes <= MAX_SOCKET_PATH_BYTES) return
  throw new DrydockError(
    'config-invalid',
    `Cannot use the data folder: the path of its database socket has ${bytes} bytes, and the system allows ${MAX_SOCKET_PATH_BYTES}. Choose a shorter --data folder or set DATABASE_URL.`,
  )
}
