import { createHash } from 'node:crypto'
import { access, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { agentInstaller } from '../../../runner/agent/install.ts'
import type { InstallerDeps } from '../../../runner/agent/install.ts'
import { fetchPackages } from '../../../runner/agent/npm.ts'
import { AttemptFailure } from '../../../runner/failure.ts'

const NEVER = new AbortController().signal
const LINUX = { os: 'linux', cpu: 'x64' }
const VENDOR = 'codex-linux-x64/vendor/x86_64-unknown-linux-musl'
let root: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'drydock-install-'))
})
afterEach(() => rm(root, { recursive: true }))

/** What npm would leave, without its gigabyte. */
async function fakePackages(folder: string): Promise<void> {
  const put = async (path: string, content: string, mode = 0o600) => {
    const file = join(folder, 'node_modules', path)
    await mkdir(join(file, '..'), { recursive: true, mode: 0o700 })
    await writeFile(file, content, { mode })
  }
  await put('codex-linux-x64/package.json', '{"version":"0.169.0-linux-x64"}')
  await put(`${VENDOR}/bin/codex`, 'codex', 0o700)
  await put(`${VENDOR}/codex-package.json`, '{}')
  await put(`${VENDOR}/codex-resources/voice/lib`, 'large')
  await put('@anthropic-ai/claude-code-linux-x64/package.json', '{"version":"2.1.330"}')
  await put('@anthropic-ai/claude-code-linux-x64/claude', 'claude', 0o700)
  await put('opencode-linux-x64-baseline/package.json', '{"version":"1.18.33"}')
  await put('opencode-linux-x64-baseline/bin/opencode', 'opencode', 0o700)
}

const installerOf = (changes: Partial<InstallerDeps> = {}) =>
  agentInstaller({
    folder: join(root, 'agents'),
    manifest: 'images/agents',
    platform: LINUX,
    fetch: fakePackages,
    ...changes,
  })
const programs = (installer = installerOf()) => installer.programs(() => {}, NEVER)

describe('programs()', () => {
  test('gives version, hash, mount and place of each program', async () => {
    const { codex, claude, opencode } = await programs()
    expect(codex).toEqual({
      id: 'codex',
      version: '0.169.0',
      sha256: createHash('sha256').update('codex').digest('hex'),
      mount: { host: expect.stringMatching(new RegExp(`/node_modules/${VENDOR}$`)), target: '/opt/drydock/codex' },
      argv0: '/opt/drydock/codex/bin/codex',
    })
    expect(new Set([codex, claude, opencode].map(({ sha256 }) => sha256)).size).toBe(3)
    expect([claude.version, opencode.version]).toEqual(['2.1.330', '1.18.33'])
  })

  test('makes what npm fetched readable for the users of sandboxes', async () => {
    const { codex } = await programs()
    const modeOf = async (path: string) => ((await stat(join(codex.mount.host, path))).mode & 0o777).toString(8)
    expect(await Promise.all(['.', 'bin', 'bin/codex', 'codex-package.json'].map(modeOf))).toEqual([
      '755',
      '755',
      '755',
      '644',
    ])
  })

  test('leaves out what is of no use', async () => {
    const { codex } = await programs()
    await expect(access(join(codex.mount.host, 'codex-resources/voice'))).rejects.toThrow('ENOENT')
  })

  test('fetches once, also for calls at once and for a later process', async () => {
    let fetched = 0
    const fetch = async (folder: string) => {
      fetched++
      await fakePackages(folder)
    }
    const installer = installerOf({ fetch })
    const all = await Promise.all([programs(installer), programs(installer)])
    expect(await programs(installerOf({ fetch }))).toEqual(all[0])
    expect(fetched).toBe(1)
  })

  test('leaves nothing of a fetch that fails, and tries again', async () => {
    let isDown = true
    const installer = installerOf({
      fetch: async (folder) => {
        await fakePackages(folder)
        if (isDown) throw new AttemptFailure('agent-unavailable', 'no registry')
      },
    })
    await expect(programs(installer)).rejects.toThrow('no registry')
    expect(await readdir(join(root, 'agents'))).toEqual([])
    isDown = false
    expect((await programs(installer)).claude.version).toBe('2.1.330')
  })

  test('says which package is missing', async () => {
    const fetch = async (folder: string) => {
      await fakePackages(folder)
      await rm(join(folder, 'node_modules/@anthropic-ai'), { recursive: true })
    }
    await expect(programs(installerOf({ fetch }))).rejects.toMatchObject({
      reason: 'agent-unavailable',
      message: expect.stringContaining('npm left out @anthropic-ai/claude-code-linux-x64'),
    })
  })

  test('removes what broke off and other versions, but nothing that another process makes', async () => {
    const alive = `.making-${process.ppid}`
    for (const name of ['0123456789abcdef', '.making-999999999', alive])
      await mkdir(join(root, 'agents', name), { recursive: true })
    await programs()
    const left = await readdir(join(root, 'agents'))
    expect(left).toContain(alive)
    expect(left).toHaveLength(2)
  })

  test('lets a caller go that does not wait any longer, and goes on for the others', async () => {
    let go = () => {}
    const mayGo = new Promise<void>((resolve) => (go = resolve))
    const installer = installerOf({
      fetch: async (folder) => {
        await mayGo
        await fakePackages(folder)
      },
    })
    const stop = new AbortController()
    const [gone, waits] = [installer.programs(() => {}, stop.signal), programs(installer)]
    stop.abort(new Error('cancelled'))
    await expect(gone).rejects.toThrow('cancelled')
    go()
    expect((await waits).codex.version).toBe('0.169.0')
  })

  test.each([
    { os: 'darwin', cpu: 'arm64' },
    { os: 'linux', cpu: 'riscv64' },
  ])('says that there are none for %j', async (platform) => {
    await expect(programs(installerOf({ platform }))).rejects.toMatchObject({ reason: 'agent-unavailable' })
  })
})

describe('fetchPackages()', () => {
  test('says that a machine has no npm', async () => {
    const path = process.env.PATH
    process.env.PATH = root
    try {
      await expect(fetchPackages(root, () => {})).rejects.toMatchObject({
        reason: 'agent-unavailable',
        message: expect.stringContaining('npm is not installed'),
      })
    } finally {
      process.env.PATH = path
    }
  })

  test('refuses a package that is not the one of the lock file, and says so', async () => {
    await writeFile(join(root, 'package.json'), '{"name":"x","dependencies":{"a":"file:a.tgz"}}')
    await writeFile(join(root, 'a.tgz'), 'nothing of the kind')
    const lock = {
      name: 'x',
      lockfileVersion: 3,
      packages: {
        '': { name: 'x', dependencies: { a: 'file:a.tgz' } },
        'node_modules/a': { version: '1.0.0', resolved: 'file:a.tgz', integrity: `sha512-${'A'.repeat(86)}==` },
      },
    }
    await writeFile(join(root, 'package-lock.json'), JSON.stringify(lock))
    await expect(fetchPackages(root, () => {})).rejects.toMatchObject({
      reason: 'agent-unavailable',
      message: expect.stringMatching(/EINTEGRITY|integrity/i),
    })
  })
})
