import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DrydockError } from '../domain/errors.ts'

const ALONE = ['--exclusive', '--nonblock']
/** The engine takes seconds to end a container. */
const SHARE_LIMIT_S = 60

export type DataFolder = AsyncDisposable & {
  path: string
  /** 12 hex digits, made once: labels and claims carry it. */ installation: string
  /** Uses something that the servers of the folder have together. Waits while the last user of before ends it. */
  share: (name: string) => Promise<Shared>
}

export type Shared = AsyncDisposable & {
  /** Whether no other server uses it. Asked once, when done with it: of several that ask at once, the last is told so. */
  isLast: () => Promise<boolean>
}

/**
 * Opens a data folder for one role of one server. Rejects with `data-folder-in-use` when a living process of this
 * machine, in whichever container, has that role there.
 */
export async function openDataFolder(path: string, role: string): Promise<DataFolder> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 })
    await chmod(path, 0o700)
  } catch (error) {
    throw new DrydockError(
      'config-invalid',
      `Cannot use data folder ${path}: ${error instanceof Error ? error.message : String(error)}. Choose another with --data.`,
    )
  }
  const installation = await readOrCreate(join(path, 'installation'), () => randomBytes(6).toString('hex'))
  const marks = role === 'all' ? ['api', 'runner'] : [role]
  const held: FileHandle[] = []
  const release = async () => {
    for (const handle of held.splice(0)) await handle.close()
  }
  try {
    for (const mark of marks) held.push(await takeLock(join(path, `${mark}.lock`), { path, mark }))
  } catch (error) {
    await release()
    throw error
  }
  const share = (name: string) => shared(join(path, `${name}.lock`))
  return { path, installation, share, [Symbol.asyncDispose]: release }
}

async function shared(file: string): Promise<Shared> {
  const handle = await open(file, 'a+', 0o600)
  try {
    if (!(await lock(handle, ['--shared', '--timeout', String(SHARE_LIMIT_S)])))
      throw new DrydockError('data-folder-in-use', `Cannot use ${file}: a server that ends holds it. Try again.`)
  } catch (error) {
    await handle.close()
    throw error
  }
  return {
    // The kernel lets go of the shared lock before it tries the exclusive one: whoever is refused stands in nobody's way.
    isLast: () => lock(handle, ALONE),
    [Symbol.asyncDispose]: () => handle.close(),
  }
}

/** Writes a file once; whoever comes second reads what the first wrote. */
async function readOrCreate(file: string, make: () => string): Promise<string> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}`
  try {
    await writeFile(temporary, make(), { mode: 0o600 })
    // A link appears with its content, and not where a file is.
    await link(temporary, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(temporary, { force: true })
  }
  return (await readFile(file, 'utf8')).trim()
}

/**
 * The kernel holds the lock as long as this process lives, and shows it to other containers, which see no processes of
 * ours. The file stays: removing one that another process has open would let two hold it.
 */
async function takeLock(file: string, { path, mark }: { path: string; mark: string }): Promise<FileHandle> {
  const handle = await open(file, 'a+', 0o600)
  try {
    if (!(await lock(handle, ALONE))) {
      const holder = (await handle.readFile('utf8')).trim() || 'just started'
      throw new DrydockError(
        'data-folder-in-use',
        `Cannot use data folder ${path}: the ${mark} of another server (${holder}) works on it. Stop that one, or choose another folder with --data.`,
      )
    }
    await handle.truncate(0)
    await handle.write(`process ${process.pid} on ${hostname()}\n`)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** Node has no flock(2). The lock belongs to the open file, so it stays when the program that took it has ended. */
async function lock(handle: FileHandle, options: readonly string[]): Promise<boolean> {
  const child = spawn('flock', [...options, '3'], { stdio: ['ignore', 'ignore', 'pipe', handle.fd] })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).catch((error: Error) => {
    said = error.message
    return null
  })
  if (code === 0 || code === 1) return code === 0
  throw new DrydockError('config-invalid', `Cannot lock the data folder: flock (of util-linux) failed: ${said.trim()}`)
}
