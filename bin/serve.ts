import { access, readFile, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { pino } from 'pino'
import type { Logger } from 'pino'
import { startApi } from '../api/main.ts'
import { ensureAdminToken } from '../domain/access/tokens.ts'
import { migrateDatabase, openDatabase } from '../domain/db.ts'
import type { Database } from '../domain/db.ts'
import { checkCanary } from '../domain/secrets/canary.ts'
import { checkAddress } from '../forge/addresses.ts'
import { limitedGit } from '../forge/git.ts'
import { linkingGitHub } from '../forge/github.ts'
import { ownProcessHost } from '../forge/process-host.ts'
import { cleanupStack } from '../runner/cleanup.ts'
import type { ManagedNetworks } from '../runner/network/networks.ts'
import { modelSocketIn } from '../runner/network/gateway-folders.ts'
import { socketPath } from '../runner/network/socket-path.ts'
import { keepLocalAccess } from '../runner/local-access.ts'
import { startRunner } from '../runner/main.ts'
import { createDockerEngine } from '../runner/sandbox/docker.ts'
import { composeNetworks } from './compose-networks.ts'
import { composeRunner } from './compose-runner.ts'
import { packageRoot } from './config.ts'
import type { ServerConfig } from './config.ts'
import { openDataFolder } from './data-folder.ts'
import type { DataFolder } from './data-folder.ts'
import { openKeyring } from './keyring.ts'
import { findDatabase } from './find-database.ts'
import { githubOptions } from './github-options.ts'
import { createLogger } from './logger.ts'
import { ownImages } from './own-images.ts'
import { watchSettings } from './watch-settings.ts'

const PREPARE_END_MS = 10_000
/** One renews, one may wait for a row that it renews. */
const LEASE_CONNECTIONS = 2

export type ServeOptions = {
  config: ServerConfig
  role: 'all' | 'api' | 'runner'
  port: number
  host: string
  /** An api that keeps nothing on disk: neither lock nor token. Its database is elsewhere. */
  diskless?: boolean
}

export type RunningServer = {
  /** Undefined for the role `runner`. */
  url: string | undefined
  /** Undefined for a diskless api: the runner stores it. */
  adminToken: string | undefined
  dataDir: string
  /** Drains, hands back what is left, stops the database container that it started. Safe to call twice. */
  close: () => Promise<void>
}

/** Starts a server: its database first, then the api, then the runner. Leaves nothing behind when it rejects. */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { config, role } = options
  const stop = new AbortController()
  const logger = createLogger({ level: config.logLevel, role }, pino.destination(2))
  const cleanup = cleanupStack()
  cleanup.defer(surviveUnhandled(logger))
  try {
    const folder = options.diskless ? undefined : await openDataFolder(config.dataDir, role)
    cleanup.defer(() => folder?.[Symbol.asyncDispose]())
    const host = ownProcessHost()
    cleanup.defer(() => host.close())
    const engine = createDockerEngine({
      socketPath: config.dockerSocket,
      diskFolder: config.dataDir,
      programs: { run: host.run, path: config.path },
    })
    cleanup.defer(() => engine[Symbol.asyncDispose]())
    const images = ownImages(config.images, async (ref) => (await engine.imageInfo(ref)) !== undefined)

    const address = await findDatabase({
      config,
      folder,
      engine,
      images,
      logger,
      stop: stop.signal,
      defer: cleanup.defer,
    })
    await migrateDatabase(address, join(packageRoot, 'migrations'))
    const database = openDatabase(address)
    cleanup.defer(() => database[Symbol.asyncDispose]())
    const settings = await watchSettings(database, { config, logger }, stop.signal)
    const keyring = await openKeyring({ ...config.masterKeys, dataDir: folder?.path })
    if (keyring) await checkCanary(database.db, keyring)

    const roots = config.repositoryRoots ?? [homedir()]
    let url: string | undefined
    if (role !== 'runner') {
      const check = (text: string) =>
        checkAddress(text, { repositoryRoots: roots, allowedHosts: settings.gitAllowedHosts() })
      const { token } = config.github
      const forge = linkingGitHub({ ...githubOptions(config.github), ...(token && { token }) })
      const modelSocket = config.modelSocket ?? (folder && modelSocketIn(folder.path))
      const openModelSocket = modelSocket === undefined ? undefined : () => socketPath(modelSocket)
      const api = await startApi(
        {
          ...{ database, keyring, host: options.host, port: options.port, tls: config.tls },
          ...{ checkAddress: check, forge, openModelSocket, logger, version: '0.1.0' },
          publicUrl: settings.publicUrl,
          trustedProxies: config.trustedProxies,
          loopbackIssuers: config.loopbackIssuers,
        },
        stop.signal,
      )
      cleanup.defer(() => api.close())
      url = api.url
    }
    const adminToken = folder && (await storeAdminToken(database, folder.path))
    if (folder && keyring && role !== 'api') {
      // What a killed runner served to its sandboxes; none of them reaches this one.
      await rm(join(folder.path, 'served'), { recursive: true, force: true })
      const parts = { config, database, engine, images, settings, folder, logger }
      const networks = await composeNetworks(parts)
      cleanup.defer(() => networks[Symbol.asyncDispose]())
      cleanup.defer(bringLedgerIn(networks, { folder, logger }))
      settings.onChange(() => networks.refresh())
      const onError = (error: unknown) => logger.warn({ err: error }, 'Cannot let people’s own tools reach models yet')
      cleanup.defer(keepLocalAccess({ db: database.db, keyring, serve: networks.serveLocal, onError }))
      const git = limitedGit(config.path, host.run)
      const leases = openDatabase(address, { max: LEASE_CONNECTIONS })
      cleanup.defer(() => leases[Symbol.asyncDispose]())
      const runner = await startRunner(composeRunner({ ...parts, leases, roots, networks, keyring, git }))
      cleanup.defer(() => runner.close({ drainMs: config.drainMs }))
    }
    let closing: Promise<void> | undefined
    const close = async () => {
      await cleanup[Symbol.asyncDispose]()
      stop.abort()
    }
    return { url, adminToken, dataDir: config.dataDir, close: () => (closing ??= close()) }
  } catch (error) {
    stop.abort()
    await cleanup[Symbol.asyncDispose]()
    throw error
  }
}

/**
 * What a gateway wrote down and no runner has stored yet, because one of them was killed, is stored now, not only when the
 * next sandbox wants a network. Gives its end.
 */
function bringLedgerIn(
  networks: Pick<ManagedNetworks, 'prepare'>,
  { folder, logger }: { folder: DataFolder; logger: Logger },
): () => Promise<void> {
  const over = new AbortController()
  const work = async () => {
    const isUsed = await access(join(folder.path, 'gateway', 'state')).then(
      () => true,
      () => false,
    )
    if (isUsed) await networks.prepare(over.signal)
  }
  const done = work().catch((error: unknown) => {
    if (!over.signal.aborted) logger.warn({ err: error }, 'Cannot start the gateway yet; the next sandbox tries again')
  })
  return async () => {
    over.abort()
    // It may be building an image, which ends by itself.
    await Promise.race([done, delay(PREPARE_END_MS, undefined, { ref: false })])
  }
}

/** A promise that nobody looks at is a fault of ours, but no reason to end the work of everyone. Gives its undoing. */
function surviveUnhandled(logger: Logger): () => void {
  const log = (error: unknown) => logger.error({ err: error }, 'A fault of ours that nobody waited for')
  process.on('unhandledRejection', log)
  return () => void process.off('unhandledRejection', log)
}

/** Keeps the administrator's token in the data folder, readable by its owner only; the same one as long as it is valid. */
async function storeAdminToken({ db }: Database, folder: string): Promise<string> {
  const file = join(folder, 'admin-token')
  const existing = await readFile(file, 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  )
  const token = await ensureAdminToken(db, existing === undefined ? {} : { existingToken: existing })
  if (token !== existing) await writeFile(file, `${token}\n`, { mode: 0o600 })
  return token
}
