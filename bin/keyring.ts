import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { link, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DrydockError } from '../domain/errors.ts'
import { parseKeyring } from '../domain/secrets/keyring.ts'
import type { Keyring } from '../domain/secrets/keyring.ts'

const KEY_BYTES = 32
const OTHERS = 0o077
const HEADER =
  '# Master keys of this Drydock, the current one first. Without them, stored keys and sessions are lost.\n'

export const masterKeyFile = (dataDir: string): string => join(dataDir, 'master-key')

export type KeyringSource = {
  /** From the configuration; the current one first. They win over the file. */
  encoded?: readonly string[] | undefined
  /** Undefined: a process that keeps nothing on disk. */
  dataDir: string | undefined
}

/** The master keys of a server. A data folder without any gets one. Undefined where there is neither. */
export async function openKeyring({ encoded = [], dataDir }: KeyringSource): Promise<Keyring | undefined> {
  if (encoded.length > 0) return parseKeyring(encoded)
  if (dataDir === undefined) return undefined
  const file = masterKeyFile(dataDir)
  if (!(await exists(file))) await createOnce(file)
  return fileKeyring(file)
}

/** Puts a new key before those of the file. Servers of this data folder use it from then on. */
export async function addMasterKey(file: string): Promise<void> {
  const keys = readKeys(file)
  await replace(file, [newKey(), ...keys])
}

/** The id of the key that a file's servers seal with. */
export const currentKeyId = (file: string): string => parseKeyring(readKeys(file)).current.id

/** Removes all keys of the file but the current one. Whatever is still sealed with them is lost. */
export async function dropOldKeys(file: string): Promise<number> {
  const [current = '', ...old] = readKeys(file)
  await replace(file, [current])
  return old.length
}

/** Looks at the file again whenever it has changed, so that a rotation needs no restart. */
function fileKeyring(file: string): Keyring {
  let version = versionOf(file)
  let keys = parseKeyring(readKeys(file))
  const latest = (): Keyring => {
    const now = versionOf(file)
    if (now !== version) {
      keys = parseKeyring(readKeys(file))
      version = now
    }
    return keys
  }
  return {
    get current() {
      return latest().current
    },
    find: (id) => latest().find(id),
  }
}

function versionOf(file: string): string {
  const { ino, mtimeMs, size } = statSync(file)
  return `${ino} ${mtimeMs} ${size}`
}

function readKeys(file: string): string[] {
  const { mode } = statSync(file)
  if ((mode & OTHERS) !== 0) {
    throw new DrydockError(
      'config-invalid',
      `Cannot use the master keys: other users can read ${file}. Run: chmod 600 ${file}`,
    )
  }
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#'))
}

const newKey = () => randomBytes(KEY_BYTES).toString('base64')

/** Whoever comes second uses the keys of the first. */
async function createOnce(file: string): Promise<void> {
  const temporary = await writeDurably(file, [newKey()])
  try {
    // A link appears with its content, and not where a file is.
    await link(temporary, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(temporary, { force: true })
  }
}

async function replace(file: string, keys: readonly string[]): Promise<void> {
  await rename(await writeDurably(file, keys), file)
}

/** A key that sealed something must be there after a power cut. */
async function writeDurably(file: string, keys: readonly string[]): Promise<string> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}`
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(`${HEADER}${keys.join('\n')}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  return temporary
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
}
