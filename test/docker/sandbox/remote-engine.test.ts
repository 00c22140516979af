import { describe, expect, test } from 'vitest'
import { breachOf, NEVER, sh, sleepersIn, useEngine } from './harness.ts'

// The runner of docker-compose.yml sees neither the processes nor the folders of the engine's host.
const world = useEngine({ hostAccess: false })
const SMALL = { memoryMiB: 128, cpus: 2, pids: 64, diskMiB: 64 }

describe('without a view of the host', () => {
  test('killAll() ends processes of every user and keeps the files', async () => {
    await using sandbox = await world.started()
    await sh(sandbox, 'echo kept > /workspace/file; sleep 60 >/dev/null 2>&1 &')
    await sh(sandbox, 'sleep 60 >/dev/null 2>&1 & sleep 0.1', { user: 'root' })
    expect(await sleepersIn(sandbox)).toBe(2)
    await sandbox.killAll(NEVER)
    expect(await sleepersIn(sandbox)).toBe(0)
    expect((await sh(sandbox, 'cat /workspace/file')).stdout).toBe('kept\n')
    await sandbox.killAll(NEVER)
    expect((await sh(sandbox, 'true')).code).toBe(0)
  })

  test.each([
    ['out-of-memory', 'head -c 400m /dev/zero | tail >/dev/null; sleep 3'],
    ['too-many-processes', 'i=0; while [ $i -lt 1000 ]; do sleep 20 & i=$((i+1)); done; sleep 3'],
    ['disk-full', 'for i in 1 2 3 4; do head -c 30m /dev/zero > /workspace/$i; done; sleep 3'],
  ])('breached is %s', async (breach, script) => {
    await using sandbox = await world.started({ resources: SMALL })
    sh(sandbox, script).catch(() => {})
    expect(await breachOf(sandbox)).toBe(breach)
  })
})
