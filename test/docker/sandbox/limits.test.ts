import { describe, expect, inject, test } from 'vitest'
import { breachOf, containersOf, docker, NEVER, sh, useEngine } from './harness.ts'

const world = useEngine()
const SMALL = { memoryMiB: 128, cpus: 2, pids: 64, diskMiB: 64 }
const EAT_MEMORY = 'head -c 400m /dev/zero | tail >/dev/null'

/** A fork bomb that does not end by itself: each shell makes two more. */
const FORK_BOMB = 'f() { f | f & f; }; f'

describe('breached', () => {
  test('stays pending while every limit is kept', async () => {
    await using sandbox = await world.started({ resources: SMALL })
    await sh(sandbox, 'head -c 10m /dev/zero > /workspace/file; sleep 3')
    expect(await Promise.race([sandbox.breached, Promise.resolve('none')])).toBe('none')
  })

  test('is out-of-memory by the time the killed command is reported', async () => {
    await using sandbox = await world.started({ resources: SMALL })
    const { code } = await sh(sandbox, EAT_MEMORY, { command: ['bash', '-c', `set -o pipefail; ${EAT_MEMORY}`] })
    expect(code).toBe(137)
    expect(await Promise.race([sandbox.breached, Promise.resolve('none')])).toBe('out-of-memory')
    const control = await docker(
      'run',
      '--rm',
      '--network',
      'none',
      inject('baseImage'),
      'sh',
      '-c',
      `${EAT_MEMORY} && echo fits`,
    )
    expect(control).toBe('fits')
  })

  test('is out-of-memory also when the command hides that a child was killed', async () => {
    await using sandbox = await world.started({ resources: SMALL })
    expect((await sh(sandbox, `(${EAT_MEMORY}); exit 0`)).code).toBe(0)
    expect(await breachOf(sandbox)).toBe('out-of-memory')
  })

  test('is out-of-memory for what fills /dev/shm beyond memory, which has no more than an eighth of the disk', async () => {
    await using sandbox = await world.started({ resources: SMALL })
    const { stdout } = await sh(sandbox, 'head -c 100m /dev/zero > /dev/shm/file; stat -c %s /dev/shm/file')
    expect(Number(stdout)).toBeLessThanOrEqual(8 * 1024 * 1024)
  })

  test('is too-many-processes for 10,000 forks, and the container goes at once', async () => {
    const spec = world.specOf({ resources: SMALL })
    const sandbox = world.engine.createSandbox(spec)
    await sandbox.start(NEVER)
    const forking = sh(sandbox, 'i=0; while [ $i -lt 10000 ]; do sleep 60 & i=$((i+1)); done')
    forking.catch(() => {})
    expect(await breachOf(sandbox)).toBe('too-many-processes')
    const started = performance.now()
    await sandbox.destroy()
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(await containersOf(spec)).toEqual([])
  })

  test('is too-many-processes for a fork bomb of root, which killAll() ends', async () => {
    await using sandbox = await world.started({ resources: SMALL })
    const bomb = sh(sandbox, FORK_BOMB, { user: 'root', command: ['bash', '-c', FORK_BOMB] })
    bomb.catch(() => {})
    expect(await breachOf(sandbox)).toBe('too-many-processes')
    await sandbox.killAll(NEVER)
    const { stdout } = await sh(sandbox, 'ls -d /proc/[0-9]* | wc -l', { user: 'root' })
    expect(Number(stdout)).toBeLessThanOrEqual(5)
  })

  test.each([
    ['one file', 'head -c 200m /dev/zero > /workspace/file'],
    ['many files', 'i=0; while [ $i -lt 40 ]; do head -c 4m /dev/zero > /tmp/$i; i=$((i+1)); done'],
    ['a file of root', 'head -c 80m /dev/zero > /root/file'],
  ])('is disk-full for %s', async (_, script) => {
    await using sandbox = await world.started({ resources: SMALL })
    await sh(sandbox, script, { user: 'root' })
    expect(await breachOf(sandbox)).toBe('disk-full')
  })

  test('is disk-full for a file that is deleted while it is written', async () => {
    await using sandbox = await world.started({ resources: SMALL })
    const script =
      'exec 3>/tmp/a; rm /tmp/a; exec 4>/tmp/b; rm /tmp/b; head -c 50m /dev/zero >&3; head -c 50m /dev/zero >&4; sleep 20'
    sh(sandbox, script).catch(() => {})
    expect(await breachOf(sandbox)).toBe('disk-full')
  })

  test('is disk-full for empty files beyond what a disk of that size has', async () => {
    await using sandbox = await world.started({ resources: SMALL })
    await sh(sandbox, 'mkdir /workspace/d && cd /workspace/d && seq 1 20000 | xargs touch')
    expect(await breachOf(sandbox)).toBe('disk-full')
  })

  // The limit grows with the disk: 655,360 files under the default of 10 GiB. Here a fifth of that, and of a million.
  test('is disk-full for two hundred thousand empty files, while they are made', async () => {
    await using sandbox = await world.started({ resources: { ...SMALL, memoryMiB: 1024, diskMiB: 2048 } })
    const script = 'for d in $(seq 1 20); do mkdir /workspace/$d; (cd /workspace/$d && seq 1 10000 | xargs touch); done'
    sh(sandbox, script).catch(() => {})
    expect(await breachOf(sandbox, 60_000)).toBe('disk-full')
  })

  test('does not count hard links twice', async () => {
    await using sandbox = await world.started({ resources: SMALL })
    const script =
      'head -c 30m /dev/zero > /workspace/a; for i in 1 2 3 4 5; do ln /workspace/a /workspace/$i; done; sleep 3'
    await sh(sandbox, script)
    expect(await Promise.race([sandbox.breached, Promise.resolve('none')])).toBe('none')
  })
})

test('one sandbox at its limit does not disturb another', async () => {
  await using loud = await world.started({ resources: SMALL })
  await using quiet = await world.started({ resources: SMALL })
  sh(loud, FORK_BOMB, { command: ['bash', '-c', FORK_BOMB] }).catch(() => {})
  await breachOf(loud)
  expect(await sh(quiet, 'echo fine')).toMatchObject({ code: 0, stdout: 'fine\n' })
  expect(await Promise.race([quiet.breached, Promise.resolve('none')])).toBe('none')
})
