import { createAdaptorServer } from '@hono/node-server'
import type { ServerType } from '@hono/node-server'
import { createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Database } from '../domain/db.ts'
import { DrydockError } from '../domain/errors.ts'
import type { Keyring } from '../domain/secrets/keyring.ts'
import { withoutUndefined } from '../domain/without-undefined.ts'
import { AccessWatch } from './access-watch.ts'
import { createApp } from './app.ts'
import { tokenLookUp } from './authenticate.ts'
import { EventHub } from './event-hub.ts'
import type { LinkingForge } from '../forge/forge.ts'
import type { Logger } from './logger.ts'
import { gatewayCaller } from './model/gateway.ts'
import type { OpenModelSocket } from './model/gateway.ts'
import { createMetrics } from './metrics.ts'
import { readTls, watchTls } from './tls.ts'
import type { TlsFiles } from './tls.ts'

const GRACE_MS = 5000
const SECOND = 1000
const KiB = 1024
/** Who sends a byte a second holds a connection, so headers and whole requests have their time. Answers have none: SSE. */
const LIMITS = {
  headersTimeout: 15 * SECOND,
  requestTimeout: 120 * SECOND,
  keepAliveTimeout: 65 * SECOND,
  maxHeaderSize: 32 * KiB,
}

const NO_FORGE: LinkingForge = {
  host: 'github.com',
  accountOf: async () => {
    throw new DrydockError('forge-unavailable', 'Cannot ask a forge: this server has none')
  },
  pushRight: undefined,
}

export type ApiOptions = {
  database: Database
  host: string
  /** 0 takes any free port. */
  port: number
  checkAddress: (address: string) => Promise<void>
  /** Undefined: nobody links a login. */
  forge?: LinkingForge
  /** To the gateway's socket for people's own tools; undefined: this process is beside no runner. */
  openModelSocket?: OpenModelSocket | undefined
  keyring?: Keyring | undefined
  /** Undefined: plain HTTP, for this machine or behind a proxy. */
  tls?: TlsFiles | undefined
  publicUrl?: () => string | undefined
  trustedProxies?: readonly string[]
  loopbackIssuers?: boolean
  logger: Logger
  version: string
  /** How often the rights of followers are looked at without a word of the database. */
  accessPollMs?: number
  /** How long a request waits for a runner that looks into a repository. */
  inspectionWaitMs?: number
  /** How often the files of TLS are looked at. */
  tlsPollMs?: number
}
export type RunningApi = { url: string; port: number; close(): Promise<void> }

/** Serves the api until `close` or the signal. Rejects with `port-in-use` when the port is taken. */
export async function startApi(options: ApiOptions, signal: AbortSignal): Promise<RunningApi> {
  const { database, logger } = options
  const { publicUrl, trustedProxies, loopbackIssuers, inspectionWaitMs } = options
  const events = await EventHub.start(database, { logger })
  const pollMs = options.accessPollMs
  const access = await AccessWatch.start(database, { logger, ...(pollMs !== undefined && { pollMs }) })
  const app = createApp({
    db: database.db,
    events,
    access,
    authenticate: tokenLookUp(database.db),
    checkAddress: options.checkAddress,
    forge: options.forge ?? NO_FORGE,
    callGateway: gatewayCaller(options.openModelSocket),
    keyring: options.keyring,
    ...withoutUndefined({ publicUrl, trustedProxies, loopbackIssuers, inspectionWaitMs }),
    metrics: createMetrics({ ofProcess: true }),
    logger,
    version: options.version,
  })
  const { server, port, unwatch } = await serve(app.fetch, options).catch(async (error: unknown) => {
    await Promise.all([events[Symbol.asyncDispose](), access[Symbol.asyncDispose]()])
    throw error
  })
  let closed: Promise<void> | undefined
  const close = () => {
    unwatch()
    return (closed ??= stop(server, { events, access }))
  }
  signal.addEventListener('abort', () => void close(), { once: true })
  if (signal.aborted) await close()
  return { url: `${options.tls ? 'https' : 'http'}://${urlHost(options.host)}:${port}`, port, close }
}

async function serve(fetch: Parameters<typeof createAdaptorServer>[0]['fetch'], options: ApiOptions) {
  const { tls, logger, tlsPollMs: pollMs } = options
  if (tls === undefined) {
    const server = createAdaptorServer({ fetch, createServer, serverOptions: LIMITS })
    return { server, port: await listen(server, options), unwatch: () => undefined }
  }
  const serverOptions = { ...LIMITS, ...(await readTls(tls)) }
  const server = createAdaptorServer({ fetch, createServer: createTlsServer, serverOptions })
  const port = await listen(server, options)
  return { server, port, unwatch: watchTls(server as TlsServer, tls, { logger, pollMs }) }
}

async function listen(server: ServerType, { host, port }: ApiOptions): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: Error) => reject(listenError(error, { host, port })))
    server.listen(port, host, resolve)
  })
  return (server.address() as AddressInfo).port
}

function listenError(error: Error, { host, port }: { host: string; port: number }): DrydockError {
  const code = 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') {
    return new DrydockError(
      'port-in-use',
      `Cannot listen on ${host}:${port}: the port is taken. Choose another with --port`,
    )
  }
  if (code === 'EACCES') {
    return new DrydockError('config-invalid', `Cannot listen on ${host}:${port}: this user may not use the port`)
  }
  return new DrydockError('config-invalid', `Cannot listen on ${host}:${port}: ${error.message}`, { cause: error })
}

/** Ends the streams, lets requests finish for a while, then closes what is left. */
async function stop(server: ServerType, { events, access }: { events: EventHub; access: AccessWatch }): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  await events[Symbol.asyncDispose]()
  await access[Symbol.asyncDispose]()
  if ('closeIdleConnections' in server) server.closeIdleConnections()
  const force = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), GRACE_MS)
  await closed
  clearTimeout(force)
}

function urlHost(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
