import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checkEncryption, checkSwap } from '../../../bin/doctor/encryption.ts'

// The kernel's own words, as it lays them out: Documentation/ABI/testing/sysfs-block-dm, proc_pid_mountinfo(5).

let root: string
beforeEach(() => (root = mkdtempSync(join(tmpdir(), 'drydock-machine-'))))
afterEach(() => rmSync(root, { recursive: true }))

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

function link(path: string, target: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  symlinkSync(join(root, target), join(root, path))
}

type Block = { number: string; uuid?: string; below?: string[] }

/** A block device; `vda/vda1` is a partition. */
function block(path: string, { number, uuid, below = [] }: Block): void {
  const name = path.split('/').at(-1) ?? ''
  put(`sys/devices/${path}/dev`, number)
  if (path.includes('/')) put(`sys/devices/${path}/partition`, '1\n')
  if (uuid !== undefined) put(`sys/devices/${path}/dm/uuid`, `${uuid}\n`)
  mkdirSync(join(root, `sys/devices/${path}/slaves`), { recursive: true })
  for (const lower of below) link(`sys/devices/${path}/slaves/${lower.split('/').at(-1)}`, `sys/devices/${lower}`)
  link(`sys/dev/block/${number}`, `sys/devices/${path}`)
  link(`sys/class/block/${name}`, `sys/devices/${path}`)
}

function mounts(...lines: [device: string, point: string, type: string, source: string][]): void {
  const of = ([device, point, type, source]: (typeof lines)[number], n: number) =>
    `${n + 20} 1 ${device} / ${point} rw,relatime shared:1 - ${type} ${source} rw\n`
  put('proc/self/mountinfo', lines.map(of).join(''))
}

const look = async (folder: string) => {
  const { status, detail } = await checkEncryption('data', folder, { root })
  return { status, detail }
}

beforeEach(() => {
  block('vda', { number: '254:0' })
  block('vda/vda1', { number: '254:1' })
  block('vda/vda2', { number: '254:2' })
  block('dm-0', { number: '253:0', uuid: 'CRYPT-LUKS2-0123456789abcdef-secret', below: ['vda/vda2'] })
  block('dm-1', { number: '253:1', uuid: 'LVM-abc', below: ['dm-0'] })
  block('dm-2', { number: '253:2', uuid: 'LVM-def', below: ['dm-0', 'vda/vda1'] })
  block('dm-0/dm-0p1', { number: '259:0' })
  block('md0', { number: '9:0', below: ['dm-0', 'dm-1'] })
})

describe('checkEncryption()', () => {
  test.each([
    ['a disk', '254:0', 'warn'],
    ['a partition', '254:1', 'warn'],
    ['LUKS', '253:0', 'ok'],
    ['a volume of LVM on LUKS', '253:1', 'ok'],
    ['a volume of LVM of which a part is not on LUKS', '253:2', 'warn'],
    ['a partition of a LUKS volume', '259:0', 'ok'],
    ['RAID of encrypted volumes', '9:0', 'ok'],
  ])('of %s', async (_, device, status) => {
    mounts([device, '/', 'ext4', '/dev/root'])
    expect(await look('/var/lib/drydock')).toMatchObject({ status })
  })

  test('goes by the mount that the folder is in, and by the last one at a place', async () => {
    const folder = join(root, 'with blank')
    mkdirSync(folder)
    mounts(
      ['254:1', '/', 'ext4', '/dev/vda1'],
      ['254:1', folder.replace(' ', '\\040'), 'ext4', '/dev/vda1'],
      ['253:0', folder.replace(' ', '\\040'), 'ext4', '/dev/mapper/secret'],
    )
    expect(await look(join(folder, 'not-yet/made'))).toEqual({
      status: 'ok',
      detail: `/dev/mapper/secret at ${folder}`,
    })
    mkdirSync(`${folder}-beside`)
    expect(await look(`${folder}-beside`)).toMatchObject({ status: 'warn' })
  })

  test('finds the device by its name where the file system has a number of its own', async () => {
    put('dev/dm-0', '')
    link('dev/mapper/secret', 'dev/dm-0')
    mounts(['0:40', '/', 'btrfs', '/dev/mapper/secret'])
    expect(await look('/')).toMatchObject({ status: 'ok' })
    mounts(['0:40', '/', 'btrfs', '/dev/vda1'])
    expect(await look('/')).toMatchObject({ status: 'warn' })
  })

  test.each([
    ['overlay', 'overlay', 'warn'],
    ['nfs4', 'store:/data', 'warn'],
    ['fuse.gocryptfs', 'gocryptfs', 'ok'],
    ['tmpfs', 'tmpfs', 'ok'],
  ])('of %s', async (type, source, status) => {
    mounts(['0:41', '/', type, source])
    expect(await look('/')).toMatchObject({ status })
  })

  test('says that it cannot be told where nothing says', async () => {
    expect(await look('/')).toEqual({ status: 'warn', detail: 'cannot be told for / from here' })
  })
})

describe('checkSwap()', () => {
  test('tells of each area whether what is written there is sealed', async () => {
    mounts(['254:1', '/', 'ext4', '/dev/vda1'])
    put(
      'proc/swaps',
      [
        'Filename\tType\tSize\tUsed\tPriority',
        '/dev/dm-0 partition 1 0 -1',
        '/dev/vda2 partition 1 0 -2',
        '/dev/zram0 partition 1 0 5',
        '/swapfile file 1 0 -3',
        '',
      ].join('\n'),
    )
    const checks = await checkSwap({ root })
    expect(checks.map(({ status }) => status)).toEqual(['ok', 'warn', 'ok', 'warn'])
  })

  test('has nothing to say without swap', async () => {
    put('proc/swaps', 'Filename\tType\tSize\tUsed\tPriority\n')
    expect(await checkSwap({ root })).toEqual([])
  })
})
