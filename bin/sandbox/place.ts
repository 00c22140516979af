import { randomBytes } from 'node:crypto'
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hasCode } from '../../domain/errors.ts'
import { LABELS, type Engine } from '../../runner/sandbox/engine.ts'
import { openDataFolder, type DataFolder } from '../data-folder.ts'

// Each run is an installation of its own: `cli-TIME-RANDOM`, with a folder of that name that is locked as long as the
// run lives. What a run that was killed has left is known by that name.

const PREFIX = 'cli-'
const ROLE = 'sandbox'
const HOUR = 3_600_000
/** Longer than any run: for those whose folder cannot be seen from here. */
const LONGEST_MS = 48 * HOUR

/** A place for one run: private, and removed with all that is in it. */
export async function openPlace(): Promise<DataFolder> {
  const installation = `${PREFIX}${Date.now().toString(36)}-${randomBytes(4).toString('hex')}`
  const path = folderOf(installation)
  await mkdir(path, { mode: 0o700 })
  await writeFile(join(path, 'installation'), installation, { mode: 0o600 })
  const folder = await openDataFolder(path, ROLE)
  return {
    ...folder,
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true })
      await folder[Symbol.asyncDispose]()
    },
  }
}

/** Removes what runs that are no more have left at the engine and on disk. */
export async function sweepPlaces(engine: Pick<Engine, 'listLabelled' | 'removeOwned'>): Promise<void> {
  const owned = await engine.listLabelled(LABELS.installation)
  const installations = new Set(owned.map(({ labels }) => labels[LABELS.installation] ?? ''))
  for (const installation of installations) {
    const made = madeAt(installation)
    if (made === undefined) continue
    const dead = await takeOver(installation, made)
    if (dead === undefined) continue
    // Containers first: a network with one in it stays.
    const order = ['container', 'network', 'volume', 'image']
    const left = owned.filter(({ labels }) => labels[LABELS.installation] === installation)
    for (const thing of left.sort((a, b) => order.indexOf(a.type) - order.indexOf(b.type))) {
      await engine.removeOwned(thing).catch(() => undefined)
    }
    await dead[Symbol.asyncDispose]()
  }
}

/** Resolves to undefined when the run lives, as far as can be told. */
async function takeOver(installation: string, made: number): Promise<AsyncDisposable | undefined> {
  const path = folderOf(installation)
  const isHere = await stat(path).catch(() => undefined)
  if (isHere === undefined) {
    // Another user's, or another container's: only its age tells.
    return Date.now() - made > LONGEST_MS ? { [Symbol.asyncDispose]: async () => {} } : undefined
  }
  try {
    const folder = await openDataFolder(path, ROLE)
    return {
      async [Symbol.asyncDispose]() {
        await rm(path, { recursive: true, force: true })
        await folder[Symbol.asyncDispose]()
      },
    }
  } catch (error) {
    if (hasCode(error, 'data-folder-in-use')) return undefined
    throw error
  }
}

const folderOf = (installation: string) => join(tmpdir(), `drydock-${installation}`)

/** When a run began, from its name; undefined for an installation that is no run of ours. */
function madeAt(installation: string): number | undefined {
  const match = /^cli-([0-9a-z]{8,9})-[0-9a-f]{8}$/.exec(installation)
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 36)
}
