import { open, readFile, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { createCa } from './authority.ts'

const Ca = z.strictObject({
  name: z.string().min(1),
  key: z.string().includes('PRIVATE KEY'),
  cert: z.string().includes('CERTIFICATE'),
})

/** All CAs of an installation, in one file: they change together or not at all. */
const Stored = z.strictObject({
  version: z.literal(1),
  /** Signs. */
  active: Ca,
  /** Trusted by new sandboxes already, signs from `activate` on. */
  next: Ca.optional(),
  /** Signed before; still trusted. Its key is gone. */
  old: z.strictObject({ cert: z.string().includes('CERTIFICATE') }).optional(),
})
export type StoredCas = z.infer<typeof Stored>

/** Steps of a rotation, each safe to repeat. */
export interface CaStore {
  readonly cas: StoredCas
  /** Makes a CA beside the active one. */
  prepareNext(): Promise<void>
  /** The next CA signs; the key of the one before is erased. */
  activateNext(): Promise<void>
  /** The CA before is no longer trusted. */
  dropOld(): Promise<void>
}

/** Opens the CAs of a state folder; makes the first one. Rejects when the file is damaged: a new CA is trusted by nobody. */
export async function openCaStore(folder: string, now: () => Date = () => new Date()): Promise<CaStore> {
  const file = join(folder, 'ca.json')
  let cas = await readCas(file)
  const change = async (next: StoredCas) => {
    await writeAtomically(file, `${JSON.stringify(next, undefined, 2)}\n`)
    cas = next
  }
  if (cas === undefined) await change({ version: 1, active: createCa(now()) })
  const current = () => cas as StoredCas
  const steps = serially()
  return {
    get cas() {
      return current()
    },
    prepareNext: () =>
      steps(async () => {
        if (current().next === undefined) await change({ ...current(), next: createCa(now()) })
      }),
    activateNext: () =>
      steps(async () => {
        const { next, active } = current()
        if (next !== undefined) await change({ version: 1, active: next, old: { cert: active.cert } })
      }),
    dropOld: () =>
      steps(async () => {
        const { old, ...rest } = current()
        if (old !== undefined) await change(rest)
      }),
  }
}

/** What sandboxes are to trust, PEM. */
export function trustedCas(cas: StoredCas): string[] {
  return [cas.active, cas.next, cas.old].flatMap((each) => (each === undefined ? [] : [each.cert]))
}

async function readCas(file: string): Promise<StoredCas | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  try {
    return Stored.parse(JSON.parse(text))
  } catch {
    // The text holds the key: no part of it goes into a message, nor into a cause.
    throw new Error(`Cannot open CA: ${file} is damaged; restore it, or remove it to make a new CA`)
  }
}

/** Either all of it is there after a crash, or what was there before. */
async function writeAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}.tmp`
  const handle = await open(temporary, 'w', 0o600)
  try {
    await handle.chmod(0o600)
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(temporary, file)
  const folder = await open(dirname(file), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function serially(): (step: () => Promise<void>) => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  return (step) => {
    const next = last.then(step)
    last = next.catch(() => {})
    return next
  }
}
