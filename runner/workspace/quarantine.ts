import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packFolder } from '../../forge/mirror-folder.ts'
import type { MirrorView } from '../../forge/mirrors.ts'

const PREFIX = 'quarantine-'
/** Tells this process's quarantines from those that a killed one left. */
const OURS = `${PREFIX}${randomBytes(6).toString('hex')}-`

/** A git directory for bytes that nobody has checked. It sees the origin's objects and nothing of other attempts. */
export type Quarantine = AsyncDisposable & {
  gitDir: string
  /** Where the received pack lies; git makes the index beside it. */
  pack: string
  index: string
  /** Moves pack and index into the store under their checksum's name. */
  release(checksum: string): Promise<void>
}

/** Opens a quarantine inside the store's folder, on the same file system. Disposing removes whatever is left of it. */
export async function openQuarantine({ store, objects }: Pick<MirrorView, 'store' | 'objects'>): Promise<Quarantine> {
  await sweep(store)
  const gitDir = join(store, OURS + randomBytes(6).toString('hex'))
  const packs = packFolder(gitDir)
  const remove = () => rm(gitDir, { recursive: true, force: true })
  try {
    await mkdir(packs, { recursive: true, mode: 0o700 })
    await mkdir(join(gitDir, 'objects', 'info'))
    await mkdir(join(gitDir, 'refs'))
    await writeFile(join(gitDir, 'HEAD'), 'ref: refs/heads/none\n')
    await writeFile(join(gitDir, 'config'), '[core]\n\trepositoryformatversion = 0\n\tbare = true\n')
    await writeFile(join(gitDir, 'objects', 'info', 'alternates'), `${objects}\n`)
  } catch (error) {
    await remove()
    throw error
  }
  const [pack, index] = [join(packs, 'received.pack'), join(packs, 'received.idx')]
  return {
    gitDir,
    pack,
    index,
    async release(checksum) {
      const target = join(packFolder(store), `pack-${checksum}`)
      await mkdir(packFolder(store), { recursive: true })
      // Git takes notice of a pack by its index: that comes last.
      await rename(pack, `${target}.pack`)
      await rename(index, `${target}.idx`)
    },
    [Symbol.asyncDispose]: remove,
  }
}

async function sweep(store: string): Promise<void> {
  for (const name of await readdir(store)) {
    if (name.startsWith(PREFIX) && !name.startsWith(OURS)) await rm(join(store, name), { recursive: true, force: true })
  }
}
