// A program of its own, so that it can be killed: it plays the runner of one installation as far as networks go.
import { appendFileSync } from 'node:fs'
import { createNetworks } from '../../runner/network/networks.ts'
import type { SandboxNetwork } from '../../runner/network/network.ts'
import { createDockerEngine } from '../../runner/sandbox/docker.ts'
import { Policy } from '../../sandbox-policy/policy.ts'
import { ALLOWED, DENIED } from './recorder.ts'

export type RunnerInput = {
  installation: string
  dataDir: string
  image: string
  /** Where its ledger is kept: lines of JSON. */
  store: string
  upstream: { address: string; ca: string; ports: readonly number[] }
}
export type GivenNetwork = {
  id: string
  network: string
  address: string
  dns: string
  ca: string
  mounts: readonly { host: string; target: string }[]
}
/** To it: how many networks are wanted, or that it is over. From it: what was asked for. */
export type Order = { take: number } | 'close'
export type Reply =
  { first: true } | { given: GivenNetwork[] } | { closed: true } | { log: string; ms?: number | undefined }

const tell = (reply: Reply) => process.send?.(reply)

function main(input: RunnerInput): void {
  const { upstream, installation, dataDir } = input
  const log = (level: string) => (fields: object, message: string) => {
    const { err, ms } = fields as { err?: Error; ms?: number }
    tell({ log: `${level} ${message} ${err?.message ?? ''}`, ms })
  }
  const networks = createNetworks({
    ...{ engine: createDockerEngine(), installation, dataDir, path: process.env.PATH ?? '' },
    gatewayImage: async () => input.image,
    // A line that a kill cuts in two comes again: nothing was acknowledged.
    store: async (records) =>
      appendFileSync(input.store, `\n${records.map((each) => JSON.stringify(each)).join('\n')}\n`),
    options: () => ({
      staticHosts: { [ALLOWED]: [upstream.address], [DENIED]: [upstream.address] },
      upstreamCas: [upstream.ca],
    }),
    log: { info: log('info'), warn: log('warn'), error: log('error') },
    testIsolation: false,
  })
  const allow = upstream.ports.map((port) => ({ host: ALLOWED, port, internal: true }))
  const grant = { phase: 'agent', policy: { policy: Policy.parse({ methods: 'all', allow }) } } as const
  const taken: SandboxNetwork[] = []
  const take = async (): Promise<GivenNetwork> => {
    const one = await networks.take({ attempt: null, claim: 1 }, AbortSignal.timeout(60_000))
    await one.permit(grant)
    if (taken.length === 0) tell({ first: true })
    taken.push(one)
    const { id, attachment, mounts, env } = one
    return { id, ...attachment, mounts, ca: env.NODE_EXTRA_CA_CERTS ?? '' }
  }
  const obey = async (order: Order) => {
    if (order === 'close') {
      for (const one of taken) await one.close()
      await networks[Symbol.asyncDispose]()
      tell({ closed: true })
      process.exit(0)
    }
    const given: GivenNetwork[] = []
    while (given.length < order.take) given.push(await take())
    tell({ given })
  }
  process.on('message', (order: Order) => void obey(order).catch(fail))
  // Its parent is gone without a word.
  process.on('disconnect', () => process.exit(1))
}

function fail(error: unknown): never {
  tell({ log: `error ${error instanceof Error ? (error.stack ?? '') : String(error)}` })
  process.exit(1)
}

main(JSON.parse(process.argv[2] ?? '') as RunnerInput)
