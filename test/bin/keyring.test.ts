import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { rotateKeys } from '../../bin/commands/rotate-keys.ts'
import { addMasterKey, currentKeyId, dropOldKeys, masterKeyFile, openKeyring } from '../../bin/keyring.ts'
import { fakeWorld, json } from '../cli/fakes.ts'
import { temporaryFolder } from '../support/git-fixture.ts'

const newKey = () => randomBytes(32).toString('base64')

test('openKeyring() makes a key once, for its owner alone, and finds it again', async () => {
  using folder = temporaryFolder()
  const rings = await Promise.all(Array.from({ length: 8 }, () => openKeyring({ dataDir: folder.path })))
  const ids = new Set(rings.map((ring) => ring?.current.id))
  expect(ids.size).toBe(1)
  expect(statSync(masterKeyFile(folder.path)).mode & 0o777).toBe(0o600)
  expect((await openKeyring({ dataDir: folder.path }))?.current.id).toBe([...ids][0])
})

test('openKeyring() takes configured keys and then writes no file; without both there is none', async () => {
  using folder = temporaryFolder()
  const [current, old] = [newKey(), newKey()]
  const ring = await openKeyring({ encoded: [current, old], dataDir: folder.path })
  expect(ring?.current.id).toBe((await openKeyring({ encoded: [current], dataDir: undefined }))?.current.id)
  expect(() => statSync(masterKeyFile(folder.path))).toThrow()
  expect(await openKeyring({ dataDir: undefined })).toBeUndefined()
})

test.each([
  ['that others can read', (file: string) => chmodSync(file, 0o640), /chmod 600/],
  ['with a broken key', (file: string) => writeFileSync(file, 'canary-key\n'), /number 1 is not 32 bytes/],
  ['without a key', (file: string) => writeFileSync(file, '# none\n'), /there is none/],
])('openKeyring() refuses a file %s and repeats nothing of it', async (_, spoil, message) => {
  using folder = temporaryFolder()
  await openKeyring({ dataDir: folder.path })
  spoil(masterKeyFile(folder.path))
  const refused = openKeyring({ dataDir: folder.path })
  await expect(refused).rejects.toMatchObject({
    code: 'config-invalid',
    message: expect.stringMatching(message) as unknown,
  })
  await expect(refused).rejects.not.toThrow(/canary/)
})

test('a running keyring follows the file: a new key seals at once, the old one still opens, until it is dropped', async () => {
  using folder = temporaryFolder()
  const ring = await openKeyring({ dataDir: folder.path })
  const before = ring?.current.id ?? ''
  const file = masterKeyFile(folder.path)
  await addMasterKey(file)
  expect(ring?.current.id).not.toBe(before)
  expect(ring?.current.id).toBe(currentKeyId(file))
  expect(ring?.find(before)?.id).toBe(before)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(await dropOldKeys(file)).toBe(1)
  expect(ring?.find(before)).toBeUndefined()
  expect(await dropOldKeys(file)).toBe(0)
})

test('openKeyring() reads a named file and follows it, and refuses one that is not there', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'keys')
  writeFileSync(file, `${newKey()}\n`, { mode: 0o600 })
  const ring = await openKeyring({ file, dataDir: folder.path })
  expect(ring?.current.id).toBe(currentKeyId(file))
  await addMasterKey(file)
  expect(ring?.current.id).toBe(currentKeyId(file))
  expect(() => statSync(masterKeyFile(folder.path))).toThrow()
  await expect(openKeyring({ file: `${file}.none`, dataDir: undefined })).rejects.toMatchObject({
    code: 'config-invalid',
  })
})

test('openKeyring() takes what a command prints, and repeats nothing of it when it fails', async () => {
  const key = newKey()
  const ring = await openKeyring({ command: `echo '# from a vault'; echo ${key}`, dataDir: undefined })
  expect(ring?.current.id).toBe((await openKeyring({ encoded: [key], dataDir: undefined }))?.current.id)
  const failing = openKeyring({ command: 'echo canary; echo canary >&2; exit 3', dataDir: undefined })
  await expect(failing).rejects.toMatchObject({
    code: 'config-invalid',
    message: 'Cannot get the master keys: DRYDOCK_MASTER_KEY_COMMAND ended with 3',
  })
  await expect(openKeyring({ command: 'echo canary', dataDir: undefined })).rejects.not.toThrow(/canary/)
})

const rewrapped = (file: string) => () => json({ keyId: currentKeyId(file), rewrapped: 3, kept: 1 })

test('rotate-keys adds a key, has everything sealed anew, and drops the old one when it is told to', async () => {
  using folder = temporaryFolder()
  const before = await openKeyring({ dataDir: folder.path })
  const [old, file] = [before?.current.id ?? '', masterKeyFile(folder.path)]
  const world = fakeWorld({ 'POST /keys/rewrap': rewrapped(file) })
  expect(await rotateKeys.run(['--data', folder.path, '--json'], world.context)).toBe(0)
  expect(JSON.parse(world.out())).toMatchObject({ newKey: true, rewrapped: 3, kept: 1, dropped: 0 })
  expect(before?.find(old)).toBeDefined()
  await rotateKeys.run(['--data', folder.path, '--keep-key', '--drop-old'], world.context)
  expect(before?.find(old)).toBeUndefined()
  for (const line of readFileSync(file, 'utf8').split('\n').slice(1).filter(Boolean)) {
    expect(world.out() + world.err()).not.toContain(line)
  }
})

test('rotate-keys drops nothing when the server uses keys of another folder', async () => {
  using folder = temporaryFolder()
  const ring = await openKeyring({ dataDir: folder.path })
  const old = ring?.current.id ?? ''
  const world = fakeWorld({ 'POST /keys/rewrap': json({ keyId: 'ffffffffffffffff', rewrapped: 0, kept: 0 }) })
  const run = rotateKeys.run(['--data', join(folder.path), '--drop-old'], world.context)
  await expect(run).rejects.toMatchObject({ exitCode: 2 })
  expect(ring?.find(old)).toBeDefined()
})
