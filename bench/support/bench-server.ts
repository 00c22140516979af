import { join } from 'node:path'
import { cleanupStack } from '../../runner/cleanup.ts'
import { openDataFolderDatabase } from './data-folder.ts'
import { makeFolder } from './folder.ts'
import { jsonClient } from './json-client.ts'
import type { JsonClient } from './json-client.ts'
import { removeRemainsOf } from './remains.ts'
import type { Content } from './repository.ts'
import { fillRepository, git } from './repository.ts'
import { startServerChild } from './server.ts'
import type { ServerChild } from './server.ts'

export type BenchServerInput = Content & {
  env?: Readonly<Record<string, string>>
  /** One process for everything, as `drydock serve` starts it, or one for each role. */
  roles: readonly ('all' | 'api' | 'runner')[]
}
export type BenchServer = AsyncDisposable & {
  url: string
  token: string
  client: JsonClient
  dataDir: string
  /** A bare repository with the files. */
  origin: string
  /** Ends the servers in good order. What they owned is gone then, or was left behind. */
  stop: () => Promise<void>
}

/** Starts real servers on a folder of their own with a repository in it. Disposing leaves nothing of them. */
export async function startBenchServer(input: BenchServerInput): Promise<BenchServer> {
  const cleanup = cleanupStack()
  try {
    const folder = makeFolder('drydock-bench-', cleanup)
    const origin = join(folder, 'origin.git')
    git(folder, 'init', '-q', '--bare', '-b', 'main', origin)
    fillRepository(origin, input)
    const dataDir = join(folder, 'data')
    removeRemainsOf(dataDir, cleanup)
    let address = { url: '', token: '' }
    const servers: ServerChild[] = []
    const stop = async () => {
      for (const server of servers.toReversed()) await server.stop()
    }
    for (const role of input.roles) {
      const server = startServerChild({
        dataDir,
        repositoryRoots: [folder],
        role,
        ...(input.env && { env: input.env }),
      })
      servers.push(server)
      cleanup.defer(() => server.killHard())
      const ready = await server.ready
      if (ready.url !== '') address = ready
    }
    const client = jsonClient(address.url, address.token)
    cleanup.defer(() => client.close())
    return { ...address, client, dataDir, origin, stop, [Symbol.asyncDispose]: () => cleanup[Symbol.asyncDispose]() }
  } catch (error) {
    await cleanup[Symbol.asyncDispose]()
    throw error
  }
}

/** The administrator may run as much as a benchmark needs. */
export async function raiseCaps({ dataDir }: Pick<BenchServer, 'dataDir'>): Promise<void> {
  await using database = openDataFolderDatabase(dataDir)
  await database.client`update users set max_running = 100000`
}
