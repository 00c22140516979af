import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll } from 'vitest'
import type { Credential, ModelGrant } from '../../../sandbox-policy/control.ts'
import type { LedgerRecord } from '../../../sandbox-policy/ledger.ts'
import type { SandboxNetwork } from '../../../runner/network/network.ts'
import type { GatewayOptions } from '../../../runner/network/settings.ts'
import { createDockerEngine } from '../../../runner/sandbox/docker.ts'
import type { Engine } from '../../../runner/sandbox/engine.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { NEVER, owner, sandboxOn, useNetworks, type World } from '../network/harness.ts'
import { sh, type Output } from '../sandbox/harness.ts'
import { DEMANDING, SERVED, policyOf, type PolicyName } from './policies.ts'
import { fence, fenceName, PRELUDE, PROBE } from './probe.ts'
import type { Row } from './row.ts'
import { startUpstream, type Seen, type Upstream } from './upstream.ts'

/** The upstream servers need ports below 1024 on addresses of their own. */
export const CAN_RUN = process.getuid?.() === 0

export type Played = { output: string; ledger: LedgerRecord[]; upstream: Seen[]; bytes: string[] }
export type Grants = { credentials?: Record<string, Credential>; model?: ModelGrant }

/** A sandbox with a network. */
export type Place = {
  network: SandboxNetwork
  sandbox: Sandbox
  permit: (policy: PolicyName, grants?: Grants) => Promise<void>
  sh: (script: string, user?: 'root' | 'agent') => Promise<Output>
  /** Final records since the last call, when all that happened until now has one; waits until there are so many. */
  records: (count?: number) => Promise<LedgerRecord[]>
  /** Runs a script that nothing happened before, and gives its records. */
  recorded: (row: Pick<Row, 'script' | 'user'>, count: number) => Promise<Output & { ledger: LedgerRecord[] }>
}

export type Corpus = {
  world: World
  upstream: Upstream
  /** Static hosts and the like; sent anew by `world.networks.refresh()`. */
  options: GatewayOptions
  /** The sandbox of all rows; changes its policy from row to row. */
  main: Place
  place: (policy: PolicyName) => Promise<Place>
  /** A sandbox without a network. */
  offline: () => Promise<Sandbox>
  play: (row: Row) => Promise<Played>
}

export type CorpusOptions = {
  /** Variables of the gateway's process. */
  env?: Record<string, string>
  engine?: (engine: Engine) => Engine
  dataDir?: () => string
}

/** A gateway of its own whose every upstream is on record. */
export function useCorpus({ env = {}, engine: wrap = (it) => it, dataDir }: CorpusOptions = {}): Corpus {
  const options: { -readonly [Key in keyof GatewayOptions]: GatewayOptions[Key] } = {}
  const inner = createDockerEngine()
  const variables = () => ({ DRYDOCK_GATEWAY_NAME_SERVERS: `${corpus.upstream.address}:53`, ...env })
  const engine = wrap({
    ...inner,
    runService: (spec, signal) =>
      inner.runService(isGateway(spec.name) ? { ...spec, env: { ...spec.env, ...variables() } } : spec, signal),
  })
  const changes = { engine, testIsolation: false, options: () => options, ready: { least: 1, most: 4 } }
  const world = useNetworks(
    dataDir === undefined
      ? changes
      : Object.defineProperty({ ...changes }, 'dataDir', { get: dataDir, enumerable: true }),
  )
  const corpus = { world, options } as unknown as { -readonly [Key in keyof Corpus]: Corpus[Key] }
  const made: AsyncDisposable[] = []
  let image = ''

  corpus.place = async (policy) => {
    const network = await world.networks.take(owner, NEVER)
    const place = placeOn(network, world.ledger)
    made.push({ [Symbol.asyncDispose]: () => network.close() })
    await place.permit(policy)
    place.sandbox = await sandboxOn(world, network, image)
    made.push(place.sandbox)
    await place.sh(`cat > /tmp/probe <<'END'\n${PROBE}\nEND\nchmod 755 /tmp/probe`)
    return place
  }
  corpus.offline = async () => {
    const sandbox = world.engine.createSandbox({
      ...{ image, owner: { installation: world.installation, attempt: 'offline', claim: 1 }, mounts: [] },
      resources: { memoryMiB: 512, cpus: 1, pids: 128, diskMiB: 512 },
      lifetimeMs: 300_000,
    })
    made.push(sandbox)
    await sandbox.start(NEVER)
    return sandbox
  }
  corpus.play = (row) => play(row, corpus)

  beforeAll(async () => {
    corpus.upstream = await startUpstream([...SERVED, DEMANDING])
    const { address, demanding } = corpus.upstream
    options.upstreamCas = [corpus.upstream.ca]
    options.staticHosts = Object.fromEntries([...SERVED.map((name) => [name, [address]]), [DEMANDING, [demanding]]])
    const { stdout } = await promisify(execFile)(process.execPath, ['scripts/image.mjs', 'tag', 'universal'])
    image = stdout.trim()
    corpus.main = await corpus.place('RO')
  }, 180_000)
  afterAll(async () => {
    for (const each of made.reverse()) await each[Symbol.asyncDispose]()
    await corpus.upstream?.[Symbol.asyncDispose]()
    await inner[Symbol.asyncDispose]()
  }, 60_000)
  return corpus
}

const isGateway = (name: string) => name.startsWith('drydock-gateway-')

let fences = 0

function placeOn(network: SandboxNetwork, ledger: readonly LedgerRecord[]): Place {
  let after = 0
  let isClean = true
  let current: PolicyName | undefined
  const collect = async (number: number, count: number) => {
    const own = () => finalOf(ledger, network.id).filter(({ seq }) => seq > after)
    await until(() => own().some(({ asked }) => asked === fenceName(number)), 10_000)
    const real = () => own().filter(({ asked }) => asked?.startsWith('fence') !== true)
    const isDone = () => real().length >= count && real().every(({ ms }) => ms !== null)
    // Some are written when a connection is seen to be closed: a moment after the client has gone on.
    await until(isDone, 5_000).catch(() => undefined)
    const found = real()
    after = own().at(-1)?.seq ?? after
    isClean = true
    return found
  }
  const place: Omit<Place, 'sandbox'> & { sandbox?: Sandbox } = {
    network,
    permit: async (name, grants = {}) => {
      if (name === current && Object.keys(grants).length === 0) return
      current = Object.keys(grants).length === 0 ? name : undefined
      await network.permit({ phase: 'agent', policy: { policy: policyOf(name) }, ...grants })
    },
    sh: (script, user = 'agent') => {
      if (place.sandbox === undefined) throw new Error('the sandbox is not there yet')
      isClean = false
      return sh(place.sandbox, script, { command: ['bash', '-c', `${PRELUDE}\n${script}`], user })
    },
    records: async (count = 0) => {
      const number = ++fences
      await place.sh(fence(number))
      return collect(number, count)
    },
    recorded: async ({ script, user }, count) => {
      if (!isClean) await place.records()
      const number = ++fences
      const output = await place.sh(`(\n${script}\n)${fence(number)}`, user)
      return { ...output, ledger: await collect(number, count) }
    },
  }
  return place as Place
}

/** Rejects when something has not come about in time. */
export async function until(isSo: () => boolean | Promise<boolean>, ms: number): Promise<void> {
  for (const deadline = Date.now() + ms; !(await isSo()); await new Promise((resolve) => setTimeout(resolve, 5)))
    if (Date.now() > deadline) throw new Error('it did not come about in time')
}

/** The last word on each record of a sandbox, in order. */
export function finalOf(ledger: readonly LedgerRecord[], sandbox: string): LedgerRecord[] {
  const final = new Map<number, LedgerRecord>()
  for (const record of ledger) if (record.sandbox === sandbox) final.set(record.seq, record)
  return [...final.values()].sort((a, b) => a.seq - b.seq)
}

async function play(row: Row, { main, upstream }: Corpus): Promise<Played> {
  await main.permit(row.policy)
  upstream.seen.length = 0
  upstream.bytes.length = 0
  const { stdout, stderr, ledger } = await main.recorded(row, row.ledger.length)
  return { output: stdout + stderr, ledger, upstream: [...upstream.seen], bytes: [...upstream.bytes] }
}
