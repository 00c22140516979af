import { readFile, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ok, warn } from './check.ts'
import type { Check } from './check.ts'
import { nearestThere } from './machine.ts'

/** File systems that encrypt by themselves, whatever lies below them. */
const ENCRYPTING = ['ecryptfs', 'fuse.gocryptfs', 'fuse.cryfs', 'fuse.encfs']
/** In memory: nothing of them reaches a disk but by way of swap. */
const VOLATILE = ['tmpfs', 'ramfs']

const ADVICE =
  'keep it on an encrypted volume (LUKS); nothing to do where the disk or the hypervisor encrypts, which is not seen here'

type Mount = { device: string; point: string; type: string; source: string }

/** Where the kernel says what it knows: `/proc` and `/sys` below this folder. */
export type Machine = { root: string }

/**
 * Looks whether what is written to a folder lies on an encrypted volume: dm-crypt (LUKS) below it, also below LVM, RAID
 * or a partition. A folder that does not exist yet counts as its nearest parent.
 */
export async function checkEncryption(what: string, folder: string, { root }: Machine): Promise<Check> {
  const name = `encryption of ${what}`
  const mount = await mountOf(folder, root).catch(() => undefined)
  if (mount === undefined) return warn(name, `cannot be told for ${folder} from here`, ADVICE)
  if (ENCRYPTING.includes(mount.type)) return ok(name, `${mount.type} at ${mount.point}`)
  if (VOLATILE.includes(mount.type)) return ok(name, `${mount.point} is kept in memory`)
  const block = await blockOf(mount, root)
  if (block === undefined)
    return warn(name, `cannot be told for ${folder}: ${mount.type} of ${mount.source} at ${mount.point}`, ADVICE)
  if (await isEncrypted(block)) return ok(name, `${mount.source} at ${mount.point}`)
  return warn(name, `${mount.source} at ${mount.point} is not encrypted by the kernel`, ADVICE)
}

/** Memory of sandboxes and of the server may be written to swap. */
export async function checkSwap({ root }: Machine): Promise<Check[]> {
  const table = await readFile(join(root, 'proc/swaps'), 'utf8').catch(() => '')
  const swaps = table.split('\n').slice(1).filter(Boolean)
  return Promise.all(
    swaps.map(async (line) => {
      const [path = '', kind] = line.split(/\s+/)
      if (kind === 'file') return checkEncryption('swap', path, { root })
      if (/^\/dev\/zram/.test(path)) return ok('encryption of swap', `${path} is kept in memory`)
      const block = await blockNamed(path, root)
      if (block !== undefined && (await isEncrypted(block))) return ok('encryption of swap', path)
      return warn('encryption of swap', `${path} is not encrypted by the kernel`, ADVICE)
    }),
  )
}

async function mountOf(folder: string, root: string): Promise<Mount | undefined> {
  const table = await readFile(join(root, 'proc/self/mountinfo'), 'utf8')
  const real = await realpath(await nearestThere(folder))
  const around = mountsOf(table).filter(
    ({ point }) => real === point || real.startsWith(point === '/' ? '/' : `${point}/`),
  )
  const longest = Math.max(...around.map(({ point }) => point.length))
  // Of several at one place the last one is seen.
  return around.filter(({ point }) => point.length === longest).at(-1)
}

/** The fields of proc_pid_mountinfo(5), in which blanks are written in octal. */
function mountsOf(table: string): Mount[] {
  const plain = (text = '') =>
    text.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8)))
  return table
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ')
      const [, , device = '', , point] = before.split(' ')
      const [type = '', source] = after.split(' ')
      return { device, point: plain(point), type, source: plain(source) }
    })
}

/** The kernel's folder of the block device; some file systems have a number of their own and only name the device. */
async function blockOf({ device, source }: Mount, root: string): Promise<string | undefined> {
  const byNumber = await realpath(join(root, 'sys/dev/block', device)).catch(() => undefined)
  return byNumber ?? blockNamed(source, root)
}

async function blockNamed(path: string, root: string): Promise<string | undefined> {
  if (!path.startsWith('/dev/')) return undefined
  const name = basename(await realpath(join(root, path)).catch(() => path))
  return realpath(join(root, 'sys/class/block', name)).catch(() => undefined)
}

async function isEncrypted(block: string): Promise<boolean> {
  const uuid = await readFile(join(block, 'dm/uuid'), 'utf8').catch(() => '')
  if (uuid.startsWith('CRYPT-')) return true
  const isPartition = await stat(join(block, 'partition')).then(
    () => true,
    () => false,
  )
  if (isPartition) return isEncrypted(dirname(block))
  const below = await readdir(join(block, 'slaves')).catch(() => [])
  const answers = await Promise.all(below.map(async (name) => isEncrypted(await realpath(join(block, 'slaves', name)))))
  return answers.length > 0 && answers.every(Boolean)
}
