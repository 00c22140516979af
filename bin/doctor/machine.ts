import { execFile } from 'node:child_process'
import { access, constants, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { fail, ok, warn } from './check.ts'
import type { Check } from './check.ts'

/** Node cuts longer paths of unix sockets off without a word. */
const MAX_SOCKET_PATH_BYTES = 107

export function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.replace('v', '').split('.').map(Number)
  const isNewEnough = major > 20 || (major === 20 && minor >= 19)
  return isNewEnough ? ok('node', version) : fail('node', version, 'install Node 20.19 or later')
}

export async function checkGit(): Promise<Check> {
  try {
    const { stdout } = await promisify(execFile)('git', ['--version'])
    const version = stdout.trim().replace('git version ', '')
    const [major = 0, minor = 0] = version.split('.').map(Number)
    if (major > 2 || (major === 2 && minor >= 34)) return ok('git', version)
    return warn('git', version, 'install git 2.34 or later')
  } catch {
    return fail('git', 'is not installed', 'install git')
  }
}

/** Looks at the folder of the server's data, which need not exist yet. */
export async function checkDataFolder(folder: string, usesOwnDatabase: boolean): Promise<Check[]> {
  const checks = [await checkAccess(folder)]
  const socket = join(folder, 'postgres', 'socket', '.s.PGSQL.5432')
  const bytes = Buffer.byteLength(socket)
  if (!usesOwnDatabase || bytes <= MAX_SOCKET_PATH_BYTES) return checks
  const detail = `the path of the database's socket has ${bytes} bytes, and ${MAX_SOCKET_PATH_BYTES} are the most`
  return [...checks, fail('socket', detail, 'choose a shorter folder with --data or DRYDOCK_DATA, or set DATABASE_URL')]
}

async function checkAccess(folder: string): Promise<Check> {
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined) {
    const parent = await nearestThere(folder)
    const isWritable = await canWrite(parent)
    if (isWritable) return ok('data folder', `${folder} will be made by the first start`)
    return fail('data folder', `${folder} cannot be made in ${parent}`, 'choose another with --data or DRYDOCK_DATA')
  }
  if (!found.isDirectory())
    return fail('data folder', `${folder} is a file`, 'choose another with --data or DRYDOCK_DATA')
  if (!(await canWrite(folder)))
    return fail('data folder', `${folder} is not yours to write`, 'choose another with --data or DRYDOCK_DATA')
  if ((found.mode & 0o077) !== 0)
    return warn('data folder', `${folder} can be entered by others`, `chmod 700 ${folder}`)
  return ok('data folder', folder)
}

/** The folder, or the nearest one above it that is there. */
export async function nearestThere(folder: string): Promise<string> {
  const parent = dirname(folder)
  return (await stat(folder).catch(() => undefined)) || parent === folder ? folder : nearestThere(parent)
}

async function canWrite(folder: string): Promise<boolean> {
  return access(folder, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
}
