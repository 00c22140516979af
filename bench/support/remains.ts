import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createDockerEngine } from '../../runner/sandbox/docker.ts'

/** Removes all that a data folder's server has at the engine: containers first, then its volume and its images. */
export async function removeRemains(dataDir: string): Promise<void> {
  const installation = await readFile(join(dataDir, 'installation'), 'utf8').catch(() => undefined)
  if (installation === undefined) return
  await using engine = createDockerEngine()
  const order = ['container', 'network', 'volume', 'image']
  const owned = await engine.listOwned(installation.trim())
  for (const thing of owned.sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type)))
    await engine.removeOwned(thing)
}
