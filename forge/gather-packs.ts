// A store gets a pack for each change, and git looks through all of them for an object: with some thousand it takes longer
// for that than for the work. One index over them ends the search, and leaves each change in a pack that can be removed.

import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RunGit } from './git.ts'
import { packFolder, storesIn } from './mirror-folder.ts'

const INDEX = 'multi-pack-index'
/** Fewer new ones are found soon enough one by one. */
const MIN_NEW_PACKS = 100

export type GatherOptions = { folder: string; git: RunGit; minNewPacks?: number }

/** Brings the common index of every store up to date that has many packs beside it. Goes on past a store of which git refuses one. */
export async function gatherPacks({ folder, git, minNewPacks = MIN_NEW_PACKS }: GatherOptions): Promise<void> {
  for (const store of await storesIn(folder)) {
    if ((await countNew(packFolder(store))) < minNewPacks) continue
    // Without one git looks through the packs as before.
    await git([INDEX, 'write', '--no-progress'], { gitDir: store })
  }
}

/** To be done before a pack is removed: of objects that several packs have, the common index knows one place. */
export const dropCommonIndex = (store: string) => rm(join(packFolder(store), INDEX), { force: true })

async function countNew(folder: string): Promise<number> {
  const gathered = await stat(join(folder, INDEX)).catch(() => undefined)
  let n = 0
  for (const name of await readdir(folder).catch(() => [])) {
    if (!name.endsWith('.idx')) continue
    const found = await stat(join(folder, name)).catch(() => undefined)
    if (found !== undefined && found.mtimeMs > (gathered?.mtimeMs ?? 0)) n++
  }
  return n
}
