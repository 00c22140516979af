import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { link, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { DrydockError } from '../domain/errors.ts'
import { parseKeyring } from '../domain/secrets/keyring.ts'
import type { Keyring } from '../domain/secrets/keyring.ts'

const KEY_BYTES = 32
const OTHERS = 0o077
const COMMAND_MS = 30_000
const HEADER =
  '# Master keys of this Drydock, the current one first. Without them, stored keys and sessions are lost.\n'

export const masterKeyFile = (dataDir: string): string => join(dataDir, 'master-key')

/** Where the configuration says that the master keys are: at most one of them. */
export type ConfiguredKeys = {
  /** The keys themselves, the current one first. */
  encoded?: readonly string[] | undefined
  /** A file of them, a line each. */
  file?: string | undefined
  /** A command of a shell that prints them, a line each: a client of a vault. It is asked once, at the start. */
  command?: string | undefined
}
export type KeyringSource = ConfiguredKeys & {
  /** Undefined: a process that keeps nothing on disk. */
  dataDir: string | undefined
}

/** The master keys of a server. A data folder without any gets one. Undefined where there is neither. */
export async function openKeyring({ encoded = [], file, command, dataDir }: KeyringSource) {
  if (encoded.length > 0) return parseKeyring(encoded)
  if (file !== undefined) return fileKeyring(file)
  if (command !== undefined) return parseKeyring(keyLines(await printedBy(command)))
  return dataDir === undefined ? undefined : ownKeyring(dataDir)
}

async function ownKeyring(dataDir: string): Promise<Keyring> {
  const file = masterKeyFile(dataDir)
  if (!(await exists(file))) await createOnce(file)
  return fileKeyring(file)
}

/** What a command prints may be keys even when it fails, so no error repeats it. */
async function printedBy(command: string): Promise<string> {
  try {
    return (await promisify(execFile)('/bin/sh', ['-c', command], { timeout: COMMAND_MS })).stdout
  } catch (error) {
    const { code, killed } = error as { code?: number | string; killed?: boolean }
    const why = killed ? `did not end within ${COMMAND_MS / 1000} s` : `ended with ${code}`
    throw new DrydockError('config-invalid', `Cannot get the master keys: DRYDOCK_MASTER_KEY_COMMAND ${why}`)
  }
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
  let keys = parseKeyring(readKeys(file))
  let version = versionOf(file)
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
  const mode = modeOf(file)
  if ((mode & OTHERS) !== 0) {
    throw new DrydockError(
      'config-invalid',
      `Cannot use the master keys: other users can read ${file}. Run: chmod 600 ${file}`,
    )
  }
  return keyLines(readFileSync(file, 'utf8'))
}

function modeOf(file: string): number {
  try {
    return statSync(file).mode
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new DrydockError('config-invalid', `Cannot read the master keys: ${file}: ${code}`, { cause: error })
  }
}

const keyLines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))

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
