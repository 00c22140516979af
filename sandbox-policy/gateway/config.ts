import { z } from 'zod'
import { GATEWAY_PATHS, PORTS } from '../control.ts'

export type GatewayConfig = {
  /** Shared with the runner: control.sock and git.sock. */
  controlFolder: string
  /** Shared with the api: model.sock. */
  localFolder: string
  stateFolder: string
  /** Mode of control.sock. */
  socketMode: number
  /** Where sandboxes are heard. */
  bind: string
  ports: { proxy: number; http: number; https: number; dns: number }
  /** Name servers to ask, `host:port`; undefined: those of resolv.conf. */
  nameServers: readonly string[] | undefined
  spool: { maxBytes: number; segmentBytes: number; freeBytes: number; syncMs: number }
}

const MiB = 1024 * 1024
const SEGMENT_BYTES = 8 * MiB
/** What a power loss may take of the ledger; a crash of the process takes nothing. */
const SYNC_MS = 200

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback)

const Env = z.object({
  DRYDOCK_GATEWAY_CONTROL: z.string().startsWith('/').default(GATEWAY_PATHS.control),
  DRYDOCK_GATEWAY_LOCAL: z.string().startsWith('/').default(GATEWAY_PATHS.local),
  DRYDOCK_GATEWAY_STATE: z.string().startsWith('/').default(GATEWAY_PATHS.state),
  DRYDOCK_GATEWAY_SOCKET_MODE: z.enum(['600', '660', '666']).default('600'),
  DRYDOCK_GATEWAY_BIND: z.ipv4().default('0.0.0.0'),
  DRYDOCK_GATEWAY_PROXY_PORT: port(PORTS.proxy),
  DRYDOCK_GATEWAY_HTTP_PORT: port(PORTS.http),
  DRYDOCK_GATEWAY_HTTPS_PORT: port(PORTS.https),
  DRYDOCK_GATEWAY_DNS_PORT: port(PORTS.dns),
  DRYDOCK_GATEWAY_NAME_SERVERS: z.string().optional(),
  DRYDOCK_GATEWAY_SPOOL_MIB: z.coerce
    .number()
    .min(1)
    .max(1024 * 1024)
    .default(512),
  DRYDOCK_GATEWAY_FREE_MIB: z.coerce.number().min(0).default(64),
})

/** Reads the settings of the process. Throws with every fault at once. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): GatewayConfig {
  const parsed = Env.safeParse(env)
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
    throw new Error(`Cannot start the gateway: ${faults.join('; ')}`)
  }
  const of = parsed.data
  const maxBytes = of.DRYDOCK_GATEWAY_SPOOL_MIB * MiB
  return {
    controlFolder: of.DRYDOCK_GATEWAY_CONTROL,
    localFolder: of.DRYDOCK_GATEWAY_LOCAL,
    stateFolder: of.DRYDOCK_GATEWAY_STATE,
    socketMode: Number.parseInt(of.DRYDOCK_GATEWAY_SOCKET_MODE, 8),
    bind: of.DRYDOCK_GATEWAY_BIND,
    ports: {
      proxy: of.DRYDOCK_GATEWAY_PROXY_PORT,
      http: of.DRYDOCK_GATEWAY_HTTP_PORT,
      https: of.DRYDOCK_GATEWAY_HTTPS_PORT,
      dns: of.DRYDOCK_GATEWAY_DNS_PORT,
    },
    nameServers: of.DRYDOCK_GATEWAY_NAME_SERVERS?.split(',').filter((server) => server !== ''),
    spool: {
      maxBytes,
      // Several segments, so that a full spool gets free as the runner takes records.
      segmentBytes: Math.min(SEGMENT_BYTES, maxBytes / 8),
      freeBytes: of.DRYDOCK_GATEWAY_FREE_MIB * MiB,
      syncMs: SYNC_MS,
    },
  }
}
