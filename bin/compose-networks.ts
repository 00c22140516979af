import { lookup } from 'node:dns/promises'
import type { Logger } from 'pino'
import { storeLedger } from '../domain/ledger/store.ts'
import { storeModelUsage } from '../domain/usage/store.ts'
import type { Database } from '../domain/db.ts'
import { createNetworks } from '../runner/network/networks.ts'
import type { ManagedNetworks } from '../runner/network/networks.ts'
import type { Engine } from '../runner/sandbox/engine.ts'
import type { ServerConfig } from './config.ts'
import type { DataFolder } from './data-folder.ts'
import type { OwnImages } from './own-images.ts'
import { hostCertificates } from './host-certificates.ts'
import type { LiveSettings } from './watch-settings.ts'

export type ComposeNetworksInput = {
  config: ServerConfig
  database: Database
  engine: Engine
  images: OwnImages
  settings: LiveSettings
  folder: DataFolder
  logger: Logger
}

/** Puts the network side of the runner together; its gateway starts when the first sandbox wants a network. */
export async function composeNetworks(input: ComposeNetworksInput): Promise<ManagedNetworks> {
  const { config, database, engine, images, settings, folder, logger } = input
  const [forbidden, hostCas] = await Promise.all([addressesOf(config.databaseUrl), hostCertificates()])
  return createNetworks({
    engine,
    installation: folder.installation,
    dataDir: folder.path,
    range: config.sandboxRange,
    path: config.path,
    log: logger,
    gatewayImage: async (signal) => (await images.ensure('gateway', signal, (line) => logger.info(line))) ?? '',
    options: () => {
      const options = settings.gateway()
      return { ...options, forbidden, upstreamCas: [...hostCas, ...(options.upstreamCas ?? [])] }
    },
    async store(records) {
      await storeModelUsage(database.db, records)
      // What people's own tools did is no sandbox's, and has no ledger.
      const ofSandboxes = records.filter(({ use }) => use === undefined || use.person === null)
      const { dropped } = await storeLedger(database.db, ofSandboxes)
      if (dropped > 0) logger.info({ dropped }, 'Dropped records of attempts or environments that no longer exist')
    },
  })
}

/** Where the database is: no rule may open it, whatever it says (R14). */
async function addressesOf(databaseUrl: string | undefined): Promise<string[]> {
  if (databaseUrl === undefined || !URL.canParse(databaseUrl)) return []
  const host = new URL(databaseUrl).hostname.replace(/^\[|\]$/g, '')
  const found = await lookup(decodeURIComponent(host), { all: true }).catch(() => [])
  return found.map(({ address }) => address)
}
