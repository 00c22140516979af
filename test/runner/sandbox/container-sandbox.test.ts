import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { DrydockError } from '../../../domain/errors.ts'
import { ContainerSandbox } from '../../../runner/sandbox/container-sandbox.ts'
import { findBy } from '../../../runner/sandbox/find.ts'
import type { EngineCalls } from '../../../runner/sandbox/engine-calls.ts'
import { LimitWatch } from '../../../runner/sandbox/watch.ts'

const SPEC = {
  image: 'base',
  owner: { installation: 'i', attempt: 'a', claim: 1 },
  resources: { memoryMiB: 16, cpus: 1, pids: 16, diskMiB: 16 },
  mounts: [],
  lifetimeMs: 1000,
}

test('start() rejects, and the server lives on, when the engine goes away between attach and start', async () => {
  const stream = new PassThrough()
  const removed: string[] = []
  const calls = {
    create: async () => 'id',
    attach: async () => stream,
    start: async () => {
      stream.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }))
      await new Promise((resolve) => setImmediate(resolve))
      throw new DrydockError('engine-unavailable', 'Cannot start a sandbox: the engine does not answer')
    },
    remove: async (name: string) => void removed.push(name),
  } as unknown as EngineCalls
  const find = findBy()
  const watch = new LimitWatch(calls, { freeFloorBytes: 0, find })
  const withoutVolumes = async (ref: string) => ref
  const sandbox = new ContainerSandbox(SPEC, { calls, watch, hostAccess: false, find, withoutVolumes })
  await expect(sandbox.start(AbortSignal.timeout(5000))).rejects.toMatchObject({ code: 'engine-unavailable' })
  expect(removed).toHaveLength(1)
})
