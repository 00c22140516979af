import { join } from 'node:path'
import { MODEL_HOST, type GatewaySettings, type ModelUsage } from '../control.ts'
import type { GatewayConfig } from './config.ts'
import { createOpenCredential } from './credentials/open-credential.ts'
import { openDns } from './dns/server.ts'
import { createGitRoute } from './git/route.ts'
import { Clock } from './http/clock.ts'
import type { HttpDeps } from './http/connection.ts'
import type { InternalHandler } from './http/internal.ts'
import { serveHttp } from './http/serve.ts'
import { createConnectHandler } from './listen/connect.ts'
import { openListeners, type ListenDeps } from './listen/listeners.ts'
import { createModelRoute } from './model/route.ts'
import type { Sessions } from './sessions.ts'
import type { LeafAuthority } from './tls/leaves.ts'
import { createDialer } from './upstream/gateway-dialer.ts'
import { UpstreamPool } from './upstream/pool.ts'
import { createResolve } from './upstream/resolve.ts'

export type DataPlaneDeps = {
  config: Pick<GatewayConfig, 'bind' | 'ports' | 'nameServers' | 'controlFolder'>
  sessions: Pick<Sessions, 'find' | 'findByRemote' | 'all'>
  authority: LeafAuthority
  /** Those in force; a new object when they change. */
  settings: () => GatewaySettings
}

/** All that sandboxes can reach. Disposing it ends once their connections have: end their sessions meanwhile. */
export interface DataPlane extends AsyncDisposable {
  /** Opens and closes the ports of `tcp` rules as the sessions are. Rejects when one cannot be opened. */
  sync(): Promise<void>
  usageOf(sandbox: string): ModelUsage
  /** The model route, for people's own tools. */
  readonly model: InternalHandler
}

export async function startDataPlane(deps: DataPlaneDeps): Promise<DataPlane> {
  const { config, sessions, authority, settings } = deps
  const servers = config.nameServers === undefined ? {} : { servers: config.nameServers }
  const resolve = createResolve({ staticHosts: () => settings().staticHosts, ...servers })
  const dialer = createDialer({ settings, resolve })
  const clock = new Clock()
  const model = createModelRoute({ dialer })
  const git = createGitRoute({ socketPath: join(config.controlFolder, 'git.sock') })
  const tls: Omit<ListenDeps, 'find'> = {
    contextFor: (name, admit) => authority.contextFor(name, admit),
    dialer,
    serveHttp: (connection) => serveHttp(connection, http),
  }
  const http: HttpDeps = {
    clock,
    pool: new UpstreamPool(dialer, clock),
    openCredential: createOpenCredential(),
    internal: (request) => (request.host === MODEL_HOST ? model.handle : git)(request),
    onConnect: createConnectHandler(tls),
  }
  const dns = await openDns(sessions, { bind: config.bind, port: config.ports.dns })
  const listeners = await openListeners({ ...tls, find: sessions.find }, config)
  return {
    sync: () => listeners.sync(sessions.all()),
    usageOf: (sandbox) => model.usage(sandbox),
    model: model.handle,
    async [Symbol.asyncDispose]() {
      await Promise.all([dns[Symbol.asyncDispose](), listeners[Symbol.asyncDispose]()])
    },
  }
}
