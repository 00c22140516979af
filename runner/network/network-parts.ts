import { join } from 'node:path'
import type { LedgerRecord } from '../../sandbox-policy/ledger.ts'
import { cleanupStack } from '../cleanup.ts'
import { periodically } from '../periodically.ts'
import type { Engine } from '../sandbox/engine.ts'
import { controlClient, type ControlClient } from './control-client.ts'
import { Gateway } from './gateway.ts'
import { GatewayContainers, groundName, type ContainersEngine } from './gateway-containers.ts'
import { gatewayFolders, type GatewayFolders } from './gateway-folders.ts'
import { startGitServer } from './git-server.ts'
import { readHostNetwork, type HostNetwork } from './host-facts.ts'
import { isOfSelfTest } from './isolation.ts'
import { LedgerReader } from './ledger-reader.ts'
import type { Log } from './log.ts'
import { NetworkPool } from './pool.ts'
import { readSettings, type GatewayOptions } from './settings.ts'
import { socketPath } from './socket-path.ts'

const DEFAULT_RANGE = '10.213.0.0/16'
const REFRESH_MS = 30_000
const START_LIMIT_MS = 60_000
const RECONNECT_MS = 1000
const NEVER = new AbortController().signal

export type PartsDeps = {
  engine: ContainersEngine & Pick<Engine, 'waitService' | 'engineFacts' | 'runOnce' | 'followNetworks'>
  installation: string
  dataDir: string
  /** Image reference of the gateway, built first where it is missing. */
  gatewayImage: (signal: AbortSignal) => Promise<string>
  /** Keeps records for good; a second one of the same sandbox and seq replaces the first. May get one again. */
  store: (records: readonly LedgerRecord[]) => Promise<void>
  /** Read whenever the settings are sent. */
  options: () => GatewayOptions
  /** Where programs are looked for. */
  path: string
  log: Log
  /** Where sandbox networks are cut from; default 10.213.0.0/16. */
  range?: string
  /** Networks kept ready; default 2 to 8. */
  ready?: { least: number; most: number }
  /** How many are made before the gateway is started; default as many as are kept ready at least. */
  first?: number
}

export type NetworkParts = AsyncDisposable & {
  folders: GatewayFolders
  host: HostNetwork
  pool: NetworkPool
  containers: GatewayContainers
  control: ControlClient
  gateway: Gateway
  /** Repositories that sandboxes were granted, by sandbox and name. */
  repositories: Map<string, ReadonlyMap<string, string>>
  ownerCas: () => readonly string[]
}

/** Puts the network side together. Nothing of it runs yet but the git server and the watch over the engine's networks. */
export async function startParts(deps: PartsDeps): Promise<NetworkParts> {
  const { engine, installation, log, range = DEFAULT_RANGE } = deps
  const cleanup = cleanupStack()
  try {
    const folders = await gatewayFolders(deps.dataDir)
    // First of all: building it may take minutes, and everything else has a deadline.
    await deps.gatewayImage(AbortSignal.timeout(BUILD_LIMIT_MS))
    const host = await readHostNetwork(
      { engine, installation, image: deps.gatewayImage },
      AbortSignal.timeout(START_LIMIT_MS),
    )
    const ready = deps.ready ?? { least: 2, most: 8 }
    const ground = groundName(installation)
    const avoid = () => host.routes
    const pool = new NetworkPool({ engine, installation, ground, range, avoid, ready, log })
    await pool.adopt()
    cleanup.defer(() => pool.close())
    const containers = new GatewayContainers({
      engine,
      installation,
      folders,
      pool,
      image: deps.gatewayImage,
      range,
      avoid,
    })
    cleanup.defer(async () => {
      await containers.remove()
      await containers.removeOuter()
    })
    if ((await engine.inspectService(ground)) === undefined) await pool.prepare(deps.first ?? ready.least)
    const socket = await socketPath(join(folders.control, 'control.sock'))
    cleanup.defer(() => socket[Symbol.asyncDispose]())
    const control = controlClient(socket.path)
    const store = async (records: readonly LedgerRecord[]) => {
      const kept = records.filter((record) => !isOfSelfTest(record))
      if (kept.length > 0) await deps.store(kept)
    }
    const reader = new LedgerReader({ control, store, log })
    const facts = engine.engineFacts()
    facts.catch(() => undefined)
    const settings = async () => {
      // Addresses of the host come and go; where a container would have to look, those of the start must do.
      const current = host.isOurs
        ? await readHostNetwork({ engine, installation, image: deps.gatewayImage }, NEVER)
        : host
      return readSettings({ engine, facts, range, host: current, options: deps.options() })
    }
    const gateway = new Gateway({ containers, engine, control, reader, settings, log })
    cleanup.defer(() => gateway.close())

    const repositories: NetworkParts['repositories'] = new Map()
    const git = await startGitServer({
      socket: join(folders.control, 'git.sock'),
      path: deps.path,
      repositoryOf: (sandbox, name) => repositories.get(sandbox)?.get(name),
      give: folders.give,
    })
    cleanup.defer(() => git[Symbol.asyncDispose]())
    cleanup.defer(watch({ engine, gateway, pool, log }))
    const ownerCas = () => deps.options().upstreamCas ?? []
    const dispose = () => cleanup[Symbol.asyncDispose]()
    return { folders, host, pool, containers, control, gateway, repositories, ownerCas, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await Promise.resolve(cleanup[Symbol.asyncDispose]()).catch(() => undefined)
    throw error
  }
}

const BUILD_LIMIT_MS = 20 * 60_000

type Watched = { engine: Pick<Engine, 'followNetworks'>; gateway: Gateway; pool: NetworkPool; log: Log }

/** Tells the gateway of networks that others make at the engine, and tries again what could not be removed. */
function watch({ engine, gateway, pool, log }: Watched): () => Promise<void> {
  const over = new AbortController()
  const onError = (error: unknown) => {
    if (!over.signal.aborted) log.warn({ err: error }, 'Cannot refresh what the gateway knows of this machine')
  }
  const refresh = () => void gateway.refresh().catch(onError)
  const work = async () => {
    await gateway.refresh()
    await pool.sweep()
  }
  const follow = () => engine.followNetworks(refresh, over.signal)
  const tasks = [
    periodically({ everyMs: REFRESH_MS, work, onError }, over.signal),
    // The stream of events ends with the engine; what was missed meanwhile, the other task finds.
    periodically({ everyMs: RECONNECT_MS, work: follow, onError: () => undefined }, over.signal),
  ]
  return async () => {
    over.abort()
    await Promise.all(tasks)
  }
}
