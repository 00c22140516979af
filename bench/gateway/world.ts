import { randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cleanupStack, type CleanupStack } from '../../runner/cleanup.ts'
import { atExit, removeLabelled } from '../support/at-exit.ts'
import { makeFolder } from '../support/folder.ts'
import { progress } from '../support/report.ts'
import { Containers, docker, type ContainerSpec } from './containers.ts'
import { openGateway, type BenchGateway } from './gateway-side.ts'
import { LedgerTally } from './ledger-tally.ts'
import { HOST, REQUESTS_OF_VERIFY, verify } from './load.ts'
import { benchPolicy } from './policy.ts'
import { processors, type Processors } from './processors.ts'
import { RIVALS_FOLDER, rivalsImage } from './rivals-image.ts'

/** Of a range for documentation: nothing else of this machine has it. */
const FAR_ADDRESS = '198.51.100.77'
const START_LIMIT_MS = 60_000
const RIVAL_CA = '/certs/rival-ca.pem'

export const TARGETS = ['drydock', 'nginx', 'squid', 'mitmproxy', 'direct'] as const
export type TargetName = (typeof TARGETS)[number]

/** A client, and what is between it and the far side. */
export type Target = {
  name: TargetName
  client: string
  /** The container in between. */
  proxy?: string
  /** Who signs what the client is shown: a file in the client. */
  ca: string
}

export type ClientSpec = Omit<ContainerSpec, 'image' | 'command'>

export type World = AsyncDisposable & {
  targets: readonly Target[]
  gateway: BenchGateway
  tally: LedgerTally
  processors: Processors
  /** Starts a further client. Resolves to its container, which goes with the world. */
  startClient: (spec: ClientSpec) => Promise<string>
  /** Requests that the gateway was sent until now. */
  asked: number
}

/** Starts all proxies, the far side and a client for each. Disposing leaves nothing of them. */
export async function openWorld(): Promise<World> {
  const image = await rivalsImage()
  const cleanup = cleanupStack()
  const dispose = async () => cleanup[Symbol.asyncDispose]()
  try {
    return { ...(await new Builder(image, cleanup).build()), [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await dispose()
    throw error
  }
}

class Builder {
  readonly #image: string
  readonly #cleanup: CleanupStack
  readonly #installation = `bench-${randomBytes(4).toString('hex')}`
  readonly #network = `${this.#installation}-net`
  readonly #processors = processors()
  readonly #containers = new Containers(this.#installation)
  readonly #folder: string

  constructor(image: string, cleanup: CleanupStack) {
    this.#image = image
    this.#cleanup = cleanup
    this.#folder = makeFolder('drydock-bench-', cleanup)
  }

  async build() {
    progress('Starting the far side, the proxies and their clients …')
    const installation = this.#installation
    this.#cleanup.defer(atExit(() => removeAtOnce(installation, this.#image)))
    const far = await this.#startFarSide()
    await docker('network', 'create', '--label', this.#containers.label, this.#network)
    this.#cleanup.defer(async () => void (await docker('network', 'rm', this.#network)))
    // Before the network, and after what is added below.
    this.#cleanup.defer(() => this.#containers.remove())
    const tally = new LedgerTally(HOST)
    const gateway = await this.#startGateway(tally)
    const targets = [
      await this.#drydock(gateway),
      await this.#reverseProxy('nginx', { command: ['/rivals/nginx', FAR_ADDRESS, HOST] }),
      await this.#squid(),
      await this.#reverseProxy('mitmproxy', { command: ['/rivals/mitmproxy', HOST], hosts: { [HOST]: FAR_ADDRESS } }),
      await this.#direct(),
    ]
    const bulkHash = (await untilSo(() => docker('exec', far, 'cat', '/www/hash'))).split(' ')[0] ?? ''
    // Through the gateway once, without a second try: what is asked there must be on the ledger, no more and no less.
    for (const { name, client, ca } of targets.toReversed()) {
      const check = () => verify(client, { ca, bulkHash })
      await (name === 'drydock' ? check() : untilSo(check))
    }
    const startClient = (spec: ClientSpec) => this.#client(spec)
    return { targets, gateway, tally, processors: this.#processors, startClient, asked: REQUESTS_OF_VERIFY }
  }

  async #startFarSide(): Promise<string> {
    for (const name of ['certs', 'bodies']) mkdirSync(join(this.#folder, name), { mode: 0o755 })
    writeFileSync(join(this.#folder, 'bodies', 'small'), randomBytes(768).toString('base64'), { mode: 0o644 })
    const certs = join(this.#folder, 'certs')
    await docker(
      ...['run', '--rm', '-v', `${RIVALS_FOLDER}:/rivals:ro`, '-v', `${certs}:/certs`, this.#image],
      ...['/rivals/certificates', '/certs', HOST],
    )
    const command = ['/rivals/far-side', FAR_ADDRESS]
    const far = await this.#start({ name: 'far', network: 'host', netAdmin: true, command }, this.#processors.rest)
    this.#cleanup.defer(() => this.#containers.remove())
    return far
  }

  async #startGateway(tally: LedgerTally): Promise<BenchGateway> {
    const dataDir = join(this.#folder, 'data')
    mkdirSync(dataDir)
    const gateway = await openGateway({
      installation: this.#installation,
      dataDir,
      policy: benchPolicy(),
      staticHosts: { [HOST]: [FAR_ADDRESS] },
      upstreamCas: [readFileSync(join(this.#folder, 'certs', 'far-ca.pem'), 'utf8')],
      cpus: this.#processors.proxy,
      store: (record) => tally.add(record),
    })
    this.#cleanup.defer(async () => gateway[Symbol.asyncDispose]())
    return gateway
  }

  async #drydock(gateway: BenchGateway): Promise<Target> {
    const { attachment, mounts, ca } = await gateway.sandbox()
    const { network, address, dns } = attachment
    const client = await this.#client({ name: 'client-drydock', network, address, hosts: { [HOST]: dns }, mounts })
    this.#cleanup.defer(() => this.#containers.remove())
    return { name: 'drydock', client, proxy: gateway.container, ca }
  }

  async #reverseProxy(name: 'nginx' | 'mitmproxy', spec: Pick<ContainerSpec, 'command' | 'hosts'>): Promise<Target> {
    const proxy = await this.#start({ ...spec, name, network: this.#network }, this.#processors.proxy)
    const hosts = { [HOST]: await this.#containers.addressOf(proxy, this.#network) }
    const client = await this.#client({ name: `client-${name}`, network: this.#network, hosts })
    return { name, client, proxy, ca: RIVAL_CA }
  }

  /** The client's way to the far side leads through squid's container, which takes what is not for it. */
  async #squid(): Promise<Target> {
    const common = { network: this.#network, hosts: { [HOST]: FAR_ADDRESS }, netAdmin: true }
    const proxy = await this.#start({ ...common, name: 'squid', command: ['/rivals/squid'] }, this.#processors.proxy)
    const client = await this.#client({ ...common, name: 'client-squid' })
    const address = await this.#containers.addressOf(proxy, this.#network)
    await docker('exec', client, 'ip', 'route', 'add', FAR_ADDRESS, 'via', address)
    return { name: 'squid', client, proxy, ca: RIVAL_CA }
  }

  async #direct(): Promise<Target> {
    const spec = { name: 'client-direct', network: this.#network, hosts: { [HOST]: FAR_ADDRESS } }
    return { name: 'direct', client: await this.#client(spec), ca: '/certs/far-ca.pem' }
  }

  #client(spec: ClientSpec): Promise<string> {
    return this.#start({ ...spec, command: ['sleep', 'infinity'] }, this.#processors.rest)
  }

  #start(spec: Omit<ContainerSpec, 'image'>, cpus: string | undefined): Promise<string> {
    const files = { [join(this.#folder, 'certs')]: '/certs', [join(this.#folder, 'bodies')]: '/bodies' }
    const mounts = { ...files, ...spec.mounts, [RIVALS_FOLDER]: '/rivals' }
    return this.#containers.start({ ...spec, image: this.#image, mounts, ...(cpus !== undefined && { cpus }) })
  }
}

/** For a program that is broken off: nothing can wait any more. The far side's address goes by a container's help. */
function removeAtOnce(installation: string, image: string): void {
  const address = `ip address del ${FAR_ADDRESS}/32 dev lo`
  removeLabelled(installation)
  try {
    const args = ['run', '--rm', '--network=host', '--cap-add=NET_ADMIN', image, 'sh', '-c', address]
    execFileSync('docker', args, { stdio: 'ignore' })
  } catch {
    // It was not there.
  }
}

async function untilSo<T>(ask: () => Promise<T>): Promise<T> {
  for (const deadline = Date.now() + START_LIMIT_MS; ; await delay(200)) {
    try {
      return await ask()
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
  }
}
