import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readFileSync, readSync, readdirSync, readlinkSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const PAGE = 4096
const CHUNK = 4 * 1024 * 1024
/** Pages that are backed by no memory, or by devices. */
const NO_MEMORY = /\[v(var|syscall)/

/** A secret as it may be written down: as it is, in hexadecimal, and in base64 wherever in a text it stands. */
export function spellingsOf(secret: string): string[] {
  const inBase64 = [0, 1, 2].map((before) => {
    const text = Buffer.from('x'.repeat(before) + secret).toString('base64')
    // What depends on the neighbours of the secret is left out.
    return text.slice(before === 0 ? 0 : 4, Math.floor(((before + secret.length) * 4) / 3) - 1)
  })
  return [secret, Buffer.from(secret).toString('hex'), ...inBase64]
}

/** Whether some bytes hold one of some secrets in any spelling. */
export function holds(bytes: Uint8Array | string, secrets: readonly string[]): boolean {
  const buffer =
    typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  return secrets.flatMap(spellingsOf).some((spelling) => buffer.includes(spelling))
}

/**
 * Where a container holds one of some secrets, looked at as root from outside: every file of its layers and mounts, and environment,
 * command line and memory of every process. Each is `file PATH`, `environ PID`, `cmdline PID` or `mem PID`.
 */
export async function searchContainer(id: string, secrets: readonly string[]): Promise<string[]> {
  const { stdout } = await run('docker', ['inspect', '-f', '{{.State.Pid}}', id])
  const pid = stdout.trim()
  const inside = processesOf(pid)
  return [...(await searchFiles(pid, secrets)), ...inside.flatMap((process) => searchProcess(process, secrets))]
}

/** Every file below a folder that holds one, as paths below it. */
export async function searchFolder(folder: string, secrets: readonly string[]): Promise<string[]> {
  const patterns = join(tmpdir(), `drydock-patterns-${randomBytes(6).toString('hex')}`)
  await writeFile(patterns, secrets.flatMap(spellingsOf).join('\n'), { mode: 0o600 })
  try {
    const without = ['--exclude-dir=proc', '--exclude-dir=sys']
    const args = ['-rlaF', '-D', 'skip', ...without, '-f', patterns, folder]
    const found = await run('grep', args, { env: { LC_ALL: 'C', PATH: process.env['PATH'] } }).catch(
      // 1: nothing found; 2: some of it could not be read, as a file that is gone by now.
      (error: { code: number; stdout: string; stderr: string }) => {
        if (error.code !== 1 && !/No such file/.test(error.stderr)) throw new Error(error.stderr)
        return error
      },
    )
    return found.stdout.split('\n').flatMap((path) => (path === '' ? [] : path.slice(folder.length)))
  } finally {
    await rm(patterns)
  }
}

const searchFiles = async (pid: string, secrets: readonly string[]) =>
  (await searchFolder(`/proc/${pid}/root/`, secrets)).map((path) => `file /${path}`)

/** All processes of a container: those of its first one's namespace. */
function processesOf(first: string): string[] {
  const namespace = (pid: string) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/pid`)
    } catch {
      return undefined
    }
  }
  const own = namespace(first)
  if (own === undefined) throw new Error(`Cannot search: process ${first} is gone, or this is not root`)
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && namespace(name) === own)
}

function searchProcess(pid: string, secrets: readonly string[]): string[] {
  const at = (name: string) => {
    try {
      return readFileSync(`/proc/${pid}/${name}`)
    } catch {
      return Buffer.alloc(0)
    }
  }
  const hits = ['environ', 'cmdline'].filter((name) => holds(at(name), secrets))
  if (memoryHolds(pid, { maps: at('maps').toString(), secrets })) hits.push('mem')
  return hits.map((name) => `${name} ${pid}`)
}

function memoryHolds(pid: string, { maps, secrets }: { maps: string; secrets: readonly string[] }): boolean {
  const spellings = secrets.flatMap(spellingsOf)
  const overlap = Math.max(...spellings.map((spelling) => spelling.length))
  const buffer = Buffer.alloc(CHUNK + overlap)
  const file = openIfThere(`/proc/${pid}/mem`)
  if (file === undefined) return false
  try {
    for (const line of maps.split('\n')) {
      const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r/.exec(line) ?? []
      if (from === undefined || to === undefined || NO_MEMORY.test(line)) continue
      const end = Number.parseInt(to, 16)
      for (let start = Number.parseInt(from, 16); start < end;) {
        const wanted = Math.min(CHUNK + overlap, end - start)
        const length = readAt(file, { buffer, start, length: wanted })
        const bytes = buffer.subarray(0, length)
        if (spellings.some((spelling) => bytes.includes(spelling))) return true
        // A page that is not there hides only itself.
        start += length === 0 ? PAGE : length === wanted ? Math.min(CHUNK, length) : length
      }
    }
    return false
  } finally {
    closeSync(file)
  }
}

/** A process may have ended by now; its memory is gone with it. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function readAt(file: number, { buffer, start, length }: { buffer: Buffer; start: number; length: number }): number {
  try {
    return readSync(file, buffer, 0, length, start)
  } catch {
    // A page that is not there: guards of stacks, files that became shorter.
    return 0
  }
}
