import { createServer, type AddressInfo } from 'node:net'
import { AttemptFailure } from '../failure.ts'
import { LABELS, type Engine } from '../sandbox/engine.ts'
import { CANARY, type CanaryLine, type CanaryPlan, type CanaryReport } from './canary.ts'
import type { HostNetwork } from './host-facts.ts'
import type { PoolNetwork } from './pool.ts'

const TIMEOUT_MS = 700
/** The longest of the looks; all of them together take twice as long. */
const LONGEST_MS = 8000
const LIMIT_MS = 50_000
const DEFAULT_BRIDGE = '172.17.0.1'
const METADATA = '169.254.169.254'
/** All that programs without a port of their own would use, and those of debuggers and engines. */
const USUAL_PORTS = [2375, 2376, 2019, 3000, 4000, 5000, 5432, 6060, 6379, 8000, 8080, 8443, 9090, 9229, 10_213]
const OPEN_PORTS = [53, 80, 443, 3128]

export type SelfTestDeps = {
  engine: Pick<Engine, 'runOnce'>
  installation: string
  image: string
  host: HostNetwork
  /** The gateway's container on the outer network. */
  outer: { bridge: string; ground: string }
  /** Two sandbox networks, the canary's and its peer's. */
  networks: readonly [PoolNetwork, PoolNetwork]
}

/**
 * Looks from inside of a sandbox network whether it leads anywhere but to the gateway. Rejects with AttemptFailure
 * `network-unavailable` and what was reached, and with another error when it could not find out.
 */
export async function selfTest(deps: SelfTestDeps, signal: AbortSignal): Promise<void> {
  const [own, peer] = deps.networks
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)])
  await using listener = deps.host.isOurs ? await listenOnHost() : undefined
  const over = new AbortController()
  const other = startCanary(deps, peer, AbortSignal.any([limit, over.signal]))
  try {
    const canary = startCanary(deps, own, limit)
    const peerPort = await other.port
    canary.tell(planOf(deps, { hostPort: listener?.port, peerPort }))
    judge(await canary.report, deps)
  } finally {
    over.abort()
    await other.report.catch(() => undefined)
  }
}

function planOf(
  { host, outer, networks: [own, peer] }: SelfTestDeps,
  { hostPort, peerPort }: { hostPort: number | undefined; peerPort: number },
): CanaryPlan {
  const v4 = host.addresses.filter((address) => address.includes('.'))
  const ofHost = [...new Set([own.bridge, peer.bridge, outer.bridge, DEFAULT_BRIDGE, ...v4])]
  const low = Array.from({ length: 1024 }, (_, i) => i + 1)
  return {
    silent: [
      ...ofHost.map((address) => `${address}:${hostPort ?? 22}`),
      `${METADATA}:80`,
      `${peer.sandbox}:${peerPort}`,
      ...OPEN_PORTS.flatMap((port) => [`${peer.gateway}:${port}`, `${outer.ground}:${port}`]),
    ],
    closed: [...low, ...USUAL_PORTS]
      .filter((port) => !OPEN_PORTS.includes(port))
      .map((port) => `${own.gateway}:${port}`),
    resolver: own.gateway,
    names: ['example.com', 'host.docker.internal'],
    timeoutMs: TIMEOUT_MS,
    longestMs: LONGEST_MS,
  }
}

function judge({ reached, open, answered, resolved, ipv6 }: CanaryReport, { networks: [own] }: SelfTestDeps): void {
  const found = [
    ...reached.map((target) => `${target} can be reached`),
    ...open.map((target) => `the gateway listens on ${target}`),
    ...resolved.map((name) => `the engine's resolver knows ${name}`),
    ...ipv6.map((name) => `interface ${name} has an IPv6 address`),
  ]
  if (found.length === 0 && answered) return
  if (found.length === 0)
    throw new Error(
      `Cannot test the isolation of sandboxes: the gateway's resolver at ${own.gateway} does not answer. Is the machine overloaded?`,
    )
  throw new AttemptFailure(
    'network-unavailable',
    `Cannot give sandboxes a network: the self-test failed on this Docker engine, so no sandbox gets one. From inside of a sandbox network, ${found.slice(0, 5).join('; ')}.`,
  )
}

type Canary = { port: Promise<number>; tell: (plan: CanaryPlan) => void; report: Promise<CanaryReport> }

function startCanary(deps: SelfTestDeps, network: PoolNetwork, signal: AbortSignal): Canary {
  let tell: (plan: CanaryPlan) => void = () => {}
  const told = new Promise<CanaryPlan>((resolve) => (tell = resolve))
  let heard = ''
  let onPort: (port: number) => void = () => {}
  const lines = () =>
    heard
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as CanaryLine)
  const running = deps.engine.runOnce(
    {
      image: deps.image,
      labels: { [LABELS.installation]: deps.installation, [LABELS.kind]: 'service' },
      command: ['node', '-e', CANARY],
      network: { name: network.name, address: network.sandbox, dns: network.gateway },
      stdin: planText(told),
      onOutput: (text) => {
        heard += text
        for (const line of lines()) if (line.kind === 'listening') onPort(line.port)
      },
    },
    signal,
  )
  const ended = running.then(({ code, stderr }) => {
    for (const line of lines()) if (line.kind === 'report') return line.report
    throw new Error(`Cannot test the isolation of sandboxes: the canary ended with ${code}: ${stderr.slice(0, 300)}`)
  })
  const port = Promise.race([new Promise<number>((resolve) => (onPort = resolve)), ended.then(() => 0)])
  port.catch(() => undefined)
  return { port, tell, report: ended }
}

async function* planText(plan: Promise<CanaryPlan>): AsyncGenerator<string> {
  yield `${JSON.stringify(await plan)}\n`
}

/** Something that would answer, should the host be reachable. */
async function listenOnHost(): Promise<AsyncDisposable & { port: number }> {
  const server = createServer((socket) => socket.on('error', () => {}).end())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '0.0.0.0', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
