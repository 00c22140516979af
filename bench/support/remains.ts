import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createDockerEngine } from '../../runner/sandbox/docker.ts'
import type { CleanupStack } from '../../runner/cleanup.ts'
import { atExit, removeLabelled } from './at-exit.ts'

/** Has all that a data folder's server made at the engine removed, however this program ends. */
export function removeRemainsOf(dataDir: string, cleanup: CleanupStack): void {
  const forget = atExit(() => {
    const installation = readInstallation(dataDir)
    if (installation !== undefined) removeLabelled(installation)
  })
  cleanup.defer(async () => {
    await removeRemains(dataDir)
    forget()
  })
}

/** Containers go first, then the volume and the images that they used. */
async function removeRemains(dataDir: string): Promise<void> {
  const installation = await readFile(join(dataDir, 'installation'), 'utf8').catch(() => undefined)
  if (installation === undefined) return
  await using engine = createDockerEngine()
  const order = ['container', 'network', 'volume', 'image']
  const owned = await engine.listOwned(installation.trim())
  for (const thing of owned.sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type)))
    await engine.removeOwned(thing)
}

/** What attempts of a data folder's server left at the engine, once all have ended. */
export async function leftOf({ dataDir }: { dataDir: string }): Promise<string[]> {
  await using engine = createDockerEngine()
  const owned = await engine.listOwned(readInstallation(dataDir) ?? '')
  const left = owned.filter(({ attempt }) => attempt !== undefined)
  return left.map(({ type, name, attempt }) => `${type} ${name} of attempt ${attempt} was left behind`)
}

function readInstallation(dataDir: string): string | undefined {
  try {
    return readFileSync(join(dataDir, 'installation'), 'utf8').trim()
  } catch {
    return undefined
  }
}
