import { describe, expect, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import { fakeSandboxes } from '../../../runner/sandbox/fake.ts'
import type { SandboxSpec } from '../../../runner/sandbox/sandbox.ts'

const NEVER = new AbortController().signal
const SPEC: SandboxSpec = {
  image: 'any',
  owner: { installation: 'i', attempt: newId(), claim: 1 },
  resources: { memoryMiB: 1, cpus: 1, pids: 1, diskMiB: 1 },
  mounts: [],
  lifetimeMs: 1000,
}

describe('fakeSandboxes()', () => {
  test('answers from the script and records the calls', async () => {
    const boxes = fakeSandboxes({
      exec: async ({ stdin, out }) => {
        await out(`got ${stdin.toString()}`)
        return { code: 3 }
      },
    })
    const said: string[] = []
    const box = boxes.create(SPEC)
    await box.start(NEVER)
    const result = await box.exec(
      {
        command: ['cat', '-n'],
        user: 'agent',
        stdin: Buffer.from('x'),
        onOutput: (_, chunk) => void said.push(chunk.toString()),
      },
      NEVER,
    )
    await box.destroy()
    await box.destroy()
    expect({ result, said }).toEqual({ result: { code: 3 }, said: ['got x'] })
    expect(boxes.made[0]?.calls).toEqual(['start', 'exec agent: cat -n', 'destroy', 'destroy'])
    boxes.assertClean()
  })

  test.each([
    [
      'exec before start',
      async (box: ReturnType<ReturnType<typeof fakeSandboxes>['create']>) =>
        box.exec({ command: ['x'], user: 'root' }, NEVER),
    ],
    ['killAll before start', async (box) => box.killAll(NEVER)],
    [
      'exec after destroy',
      async (box) =>
        box
          .start(NEVER)
          .then(() => box.destroy())
          .then(() => box.exec({ command: ['x'], user: 'root' }, NEVER)),
    ],
    ['start after destroy', async (box) => box.destroy().then(() => box.start(NEVER))],
    ['start twice', async (box) => box.start(NEVER).then(() => box.start(NEVER))],
  ] as [string, (box: ReturnType<ReturnType<typeof fakeSandboxes>['create']>) => Promise<unknown>][])(
    'objects to %s',
    async (_, misuse) => {
      const boxes = fakeSandboxes()
      const box = boxes.create(SPEC)
      await expect(misuse(box)).rejects.toThrow('Misuse')
      await box.destroy()
      expect(() => boxes.assertClean()).toThrow('Misuse')
    },
  )

  test('objects to a sandbox that is never destroyed', async () => {
    const boxes = fakeSandboxes()
    await boxes.create(SPEC).start(NEVER)
    expect(() => boxes.assertClean()).toThrow('never destroyed')
  })

  test('rejects a pending command with the reason of the abort', async () => {
    const boxes = fakeSandboxes({ exec: () => new Promise(() => {}) })
    await using box = boxes.create(SPEC)
    await box.start(NEVER)
    const stop = new AbortController()
    const running = box.exec({ command: ['sleep'], user: 'agent' }, stop.signal)
    stop.abort(new Error('cancelled'))
    await expect(running).rejects.toThrow('cancelled')
  })

  test('breach() settles breached', async () => {
    const boxes = fakeSandboxes()
    const box = boxes.create(SPEC)
    boxes.made[0]?.breach('disk-full')
    expect(await box.breached).toBe('disk-full')
  })
})
