import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { docker, NEVER, sh, useEngine } from './harness.ts'

const world = useEngine()
let folder: string
let sandbox: Sandbox

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drydock-mount-'))
  await chmod(folder, 0o755)
  await writeFile(join(folder, 'file'), 'of the host')
  sandbox = await world.started({ mounts: [{ host: folder, target: '/mirror' }] })
})

afterAll(async () => {
  await sandbox.destroy()
  await rm(folder, { recursive: true })
})

/** What an unhardened container answers: shows that the question can be answered otherwise. */
const plain = (...args: string[]) => docker('run', '--rm', ...args)

const status = (text: string): Record<string, string> =>
  Object.fromEntries(text.split('\n').map((line) => line.split(/:\s+/, 2) as [string, string]))
const READ_STATUS = 'cat /proc/self/status'

const OPEN = [
  '--cap-add=SYS_ADMIN',
  ...['seccomp', 'apparmor', 'systempaths'].map((it) => `--security-opt=${it}=unconfined`),
]

describe('processes', () => {
  test('exec() as agent has no capability, no way to new ones, and a seccomp filter', async () => {
    const seen = status((await sh(sandbox, READ_STATUS)).stdout)
    expect(seen).toMatchObject({
      CapInh: '0000000000000000',
      CapPrm: '0000000000000000',
      CapEff: '0000000000000000',
      CapAmb: '0000000000000000',
      NoNewPrivs: '1',
      Seccomp: '2',
    })
    expect(seen['Uid']).toMatch(/^1000\s/)
    const control = status(await plain(inject('baseImage'), 'sh', '-c', READ_STATUS))
    expect(control).toMatchObject({ NoNewPrivs: '0' })
    expect(BigInt(`0x${control['CapEff']}`)).not.toBe(0n)
  })

  test('exec() as root has exactly the capabilities of package managers', async () => {
    const seen = status((await sh(sandbox, READ_STATUS, { user: 'root' })).stdout)
    const bits = [0, 1, 3, 6, 7] // CHOWN, DAC_OVERRIDE, FOWNER, SETGID, SETUID
    const mask = bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n)
    expect(BigInt(`0x${seen['CapEff']}`)).toBe(mask)
    expect(BigInt(`0x${seen['CapBnd']}`)).toBe(mask)
  })

  test('a set-uid program does not make the agent root', async () => {
    const script = 'cp /usr/bin/id /opt/suid-id && chmod 4755 /opt/suid-id'
    await sh(sandbox, script, { user: 'root' })
    expect((await sh(sandbox, '/opt/suid-id')).stdout).not.toContain('euid=0')
    const control = await plain(
      inject('baseImage'),
      'sh',
      '-c',
      `${script} && setpriv --reuid 1000 --clear-groups /opt/suid-id`,
    )
    expect(control).toContain('euid=0')
  })

  // Each script works in a container with everything allowed, so it is the sandbox that refuses and not a missing program.
  test.each([
    ['agent', 'mount a file system', 'mount -t tmpfs none /mnt'],
    ['agent', 'make a device', 'mknod /tmp/disk b 8 0'],
    ['agent', 'change the host name', 'hostname other'],
    ['agent', 'read the environment of PID 1', 'cat /proc/1/environ'],
    ['agent', 'write a kernel setting', 'echo 61 > /proc/sys/net/ipv4/tcp_fin_timeout'],
    ['agent', 'make a namespace', 'unshare -Ur true'],
    ['agent', 'change its user', 'setpriv --reuid 1 true'],
    ['root', 'mount a file system', 'mount -t tmpfs none /mnt'],
    ['root', 'make a device', 'mknod /tmp/disk b 8 0'],
    ['root', 'change the host name', 'hostname other'],
    ['root', 'write a kernel setting', 'echo 61 > /proc/sys/net/ipv4/tcp_fin_timeout'],
    ['root', 'make a namespace', 'unshare -m true'],
    ['root', 'signal another user', 'setpriv --reuid 7 sleep 20 & sleep 0.3; kill -9 $!'],
  ] as const)('exec() as %s cannot %s', async (user, _, script) => {
    expect((await sh(sandbox, script, { user })).code).not.toBe(0)
    await expect(plain(...OPEN, inject('baseImage'), 'sh', '-c', script)).resolves.toBeDefined()
  })
})

describe('files', () => {
  test('start() makes the three folders with their owners', async () => {
    const { stdout } = await sh(sandbox, 'stat -c "%n %u:%g %a" /workspace /agent-home /drydock')
    expect(stdout).toBe('/workspace 1000:1000 755\n/agent-home 1000:1000 700\n/drydock 0:0 700\n')
    expect((await sh(sandbox, 'ls /drydock')).code).not.toBe(0)
  })

  test('a mount of the host is readable, and writable for nobody', async () => {
    expect((await sh(sandbox, 'cat /mirror/file')).stdout).toBe('of the host')
    for (const user of ['agent', 'root'] as const) {
      for (const script of [
        'echo x > /mirror/file',
        'rm -f /mirror/file',
        'mount -o remount,rw /mirror',
        'chmod 0777 /mirror',
      ]) {
        expect((await sh(sandbox, script, { user })).code, script).not.toBe(0)
      }
    }
    const control = await plain(
      '-v',
      `${folder}:/mirror`,
      inject('baseImage'),
      'sh',
      '-c',
      'echo "of the host" > /mirror/file && echo written',
    )
    expect(control).toContain('written')
  })

  test('no socket of the engine and no device of the host is inside', async () => {
    const { stdout } = await sh(sandbox, 'find / -xdev -type s 2>/dev/null; find /dev -type b; ls /dev', {
      user: 'root',
    })
    expect(stdout).not.toMatch(/docker|sock|sd[a-z]|vd[a-z]|kvm/)
  })

  test('the engine was asked for all of it', async () => {
    const spec = world.specOf()
    const inspected = world.engine.createSandbox(spec)
    await inspected.start(NEVER)
    const [facts] = JSON.parse(
      await docker('inspect', await docker('ps', '-q', '--filter', `label=drydock.attempt=${spec.owner.attempt}`)),
    ) as [{ HostConfig: Record<string, unknown>; Config: { Labels: Record<string, string> } }]
    await inspected.destroy()
    expect(facts.HostConfig).toMatchObject({
      NetworkMode: 'none',
      Privileged: false,
      PidsLimit: 128,
      Memory: 256 * 1024 * 1024,
      MemorySwap: 256 * 1024 * 1024,
      NanoCpus: 2e9,
      CpuShares: 128,
      LogConfig: { Type: 'none' },
      IpcMode: 'private',
      Binds: null,
      Devices: null,
    })
    expect(facts.Config.Labels).toMatchObject({
      'drydock.installation': world.installation,
      'drydock.attempt': spec.owner.attempt,
      'drydock.claim': '1',
      'drydock.kind': 'sandbox',
    })
  })
})

describe('network', () => {
  const INTERFACES = 'ls /sys/class/net'

  test('there is no interface but lo', async () => {
    expect((await sh(sandbox, INTERFACES)).stdout.trim()).toBe('lo')
    expect((await plain(inject('baseImage'), 'sh', '-c', INTERFACES)).split(/\s+/)).toContain('eth0')
  })

  test('there is no route, and a connection fails at once', async () => {
    expect((await sh(sandbox, 'tail -n +2 /proc/net/route')).stdout).toBe('')
    const { code } = await sh(sandbox, '', { command: ['bash', '-c', 'exec 3<>/dev/tcp/172.17.0.1/22'] })
    expect(code).not.toBe(0)
  })

  test('a server of the sandbox itself can be reached on 127.0.0.1', async () => {
    const { stdout } = await sh(sandbox, 'cat /sys/class/net/lo/flags')
    expect(Number(stdout) & 1).toBe(1)
  })
})
