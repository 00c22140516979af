import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DrydockError } from '../domain/errors.ts'

export type DataFolder = AsyncDisposable & {
  path: string
  /** 12 hex digits, made once: labels and claims carry it. */ installation: string
}

/**
 * Opens a data folder for one role of one server. Rejects with `data-folder-in-use` when a living process has that role
 * there; the mark of a dead one is replaced.
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
  const held: string[] = []
  const release = async () => {
    for (const file of held.splice(0)) await rm(file, { force: true })
  }
  try {
    for (const mark of marks) held.push(await takeMark(join(path, `${mark}.lock`), { path, mark }))
  } catch (error) {
    await release()
    throw error
  }
  return { path, installation, [Symbol.asyncDispose]: release }
}

/** Writes a file once; whoever comes second reads what the first wrote. */
async function readOrCreate(file: string, make: () => string): Promise<string> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}`
  try {
    return (await readFile(file, 'utf8')).trim()
  } catch {
    await writeFile(temporary, make(), { mode: 0o600 })
    await rename(temporary, file)
    return (await readFile(file, 'utf8')).trim()
  }
}

async function takeMark(file: string, { path, mark }: { path: string; mark: string }): Promise<string> {
  const self = `${process.pid} ${startTimeOf(process.pid) ?? ''}`
  for (let tries = 0; tries < 3; tries++) {
    try {
      const handle = await open(file, 'wx', 0o600)
      await handle.writeFile(self)
      await handle.close()
      return file
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const holder = await readFile(file, 'utf8').catch(() => '')
    if (isAlive(holder)) {
      throw new DrydockError(
        'data-folder-in-use',
        `Cannot use data folder ${path}: the ${mark} of another server (process ${holder.split(' ')[0]}) works on it. Stop that one, or choose another folder with --data.`,
      )
    }
    await rm(file, { force: true })
  }
  throw new DrydockError('data-folder-in-use', `Cannot use data folder ${path}: several servers start on it at once`)
}

/** A process id alone may have been given to somebody else, so its start time goes with it. */
function isAlive(holder: string): boolean {
  const [pid, startTime] = holder.split(' ')
  return startTime !== undefined && startTime !== '' && startTimeOf(Number(pid)) === startTime
}

function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold spaces; fields count from behind it. Field 22 of the line is the start time.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
