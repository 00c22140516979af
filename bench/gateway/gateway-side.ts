import { readServerConfig } from '../../bin/config.ts'
import { ownImages } from '../../bin/own-images.ts'
import { cleanupStack } from '../../runner/cleanup.ts'
import { gatewayName } from '../../runner/network/gateway-containers.ts'
import type { Attachment, SandboxNetwork } from '../../runner/network/network.ts'
import { createNetworks } from '../../runner/network/networks.ts'
import { createDockerEngine } from '../../runner/sandbox/docker.ts'
import { DEFAULT_SANDBOX_LIMITS } from '../../sandbox-policy/control.ts'
import type { LedgerRecord } from '../../sandbox-policy/ledger.ts'
import type { Policy } from '../../sandbox-policy/policy.ts'
import { progress } from '../support/report.ts'
import { docker } from './containers.ts'

/** One load client stands for many sandboxes. */
const LIMITS = { ...DEFAULT_SANDBOX_LIMITS, requestsPerSecond: 1_000_000, connections: 10_000 }

export type GatewayInput = {
  installation: string
  dataDir: string
  policy: Policy
  staticHosts?: Readonly<Record<string, readonly string[]>>
  upstreamCas: readonly string[]
  /** The processors that it may run on. */
  cpus?: string | undefined
  store: (record: LedgerRecord) => void
}

export type BenchSandbox = AsyncDisposable & {
  attachment: Attachment
  env: Readonly<Record<string, string>>
  /** Path on the host → path in the sandbox. */
  mounts: Readonly<Record<string, string>>
  /** The gateway's CA, in the sandbox. */
  ca: string
}

export type BenchGateway = AsyncDisposable & {
  /** The container of the gateway's process. */
  container: string
  /** A network of a sandbox under the policy. Disposing waits until its ledger is complete. */
  sandbox: () => Promise<BenchSandbox>
  /** Closes all of them: then the ledger is complete. */
  settle: () => Promise<void>
}

/** Starts a gateway as the runner does. */
export async function openGateway(input: GatewayInput): Promise<BenchGateway> {
  const cleanup = cleanupStack()
  const { images, path, dockerSocket } = readServerConfig(process.env)
  const engine = createDockerEngine({ socketPath: dockerSocket })
  cleanup.defer(async () => engine[Symbol.asyncDispose]())
  const own = ownImages(images, async (ref) => (await engine.imageInfo(ref)) !== undefined)
  const tell = (fields: object, message: string) => progress(`${message} ${describe(fields)}`)
  const networks = createNetworks({
    ...{ engine, path, installation: input.installation, dataDir: input.dataDir, limits: LIMITS },
    gatewayImage: async (signal) => (await own.ensure('gateway', signal, progress)) ?? '',
    store: async (records) => records.forEach(input.store),
    options: () => ({ staticHosts: input.staticHosts ?? {}, upstreamCas: input.upstreamCas }),
    log: { info: () => {}, warn: tell, error: tell },
    ready: { least: 1, most: 4 },
  })
  cleanup.defer(async () => networks[Symbol.asyncDispose]())
  cleanup.defer(() => settle())
  const container = gatewayName(input.installation)
  const open: SandboxNetwork[] = []
  const settle = async () => void (await Promise.all(open.splice(0).map((network) => network.close())))
  const sandbox = async (): Promise<BenchSandbox> => {
    const network = await networks.take({ attempt: null, claim: 1 }, AbortSignal.timeout(120_000))
    open.push(network)
    await network.permit({ phase: 'agent', policy: { policy: input.policy } })
    const { attachment, env } = network
    const mounts = Object.fromEntries(network.mounts.map(({ host, target }) => [host, target]))
    const dispose = () => network.close()
    return { attachment, env, mounts, ca: env.NODE_EXTRA_CA_CERTS ?? '', [Symbol.asyncDispose]: dispose }
  }
  try {
    await networks.prepare(AbortSignal.timeout(1_200_000))
    if (input.cpus !== undefined) await docker('update', `--cpuset-cpus=${input.cpus}`, container)
  } catch (error) {
    await cleanup[Symbol.asyncDispose]()
    throw error
  }
  return { container, sandbox, settle, [Symbol.asyncDispose]: async () => cleanup[Symbol.asyncDispose]() }
}

function describe(fields: object): string {
  const { err } = fields as { err?: unknown }
  return err instanceof Error ? err.message : ''
}
