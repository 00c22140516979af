import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { NEVER, sh, useEngine } from './harness.ts'

const MiB = 1024 * 1024
const world = useEngine()
let sandbox: Sandbox

beforeAll(async () => {
  sandbox = await world.started()
})
afterAll(() => sandbox.destroy())

describe('exec() result', () => {
  test.each([0, 1, 7, 126, 255])('is the exit code %i', async (code) => {
    expect((await sh(sandbox, `exit ${code}`)).code).toBe(code)
  })

  test('is 128 + the signal of a killed process', async () => {
    expect((await sh(sandbox, 'kill -9 $$')).code).toBe(137)
  })

  test('is 126 or 127 for a command that does not exist', async () => {
    expect((await sh(sandbox, '', { command: ['/no/such/program'] })).code).toSatisfy((code) =>
      [126, 127].includes(code as number),
    )
  })

  test('waits for a process that closed its output', async () => {
    const { code } = await sh(sandbox, 'exec >&- 2>&-; sleep 1; exit 5')
    expect(code).toBe(5)
  })

  test('does not wait for background processes that hold the output open', async () => {
    const started = performance.now()
    const { code, stdout } = await sh(sandbox, 'sleep 60 & echo said; exit 3')
    expect({ code, stdout }).toEqual({ code: 3, stdout: 'said\n' })
    expect(performance.now() - started).toBeLessThan(5000)
    await sandbox.killAll(NEVER)
  })

  test('does not wait for a background process that never stops talking', async () => {
    const started = performance.now()
    const { code } = await sh(sandbox, '(while true; do echo noise; sleep 0.05; done) & exit 4')
    expect(code).toBe(4)
    expect(performance.now() - started).toBeLessThan(15_000)
    await sandbox.killAll(NEVER)
  })

  test('of commands at once are told apart', async () => {
    const results = await Promise.all([1, 2, 3, 4, 5].map((n) => sh(sandbox, `echo ${n}; exit ${n}`)))
    expect(results.map(({ code, stdout }) => `${code} ${stdout.trim()}`)).toEqual(['1 1', '2 2', '3 3', '4 4', '5 5'])
  })
})

describe('exec() input', () => {
  test('is bytes, then end of file', async () => {
    const { stdout } = await sh(sandbox, 'wc -c', { stdin: Buffer.alloc(3 * MiB, 7) })
    expect(stdout.trim()).toBe(String(3 * MiB))
  })

  test('comes from an iterable, and output flows meanwhile', async () => {
    async function* lines() {
      for (let i = 0; i < 100; i++) yield Buffer.from(`${i}\n`)
    }
    const { stdout } = await sh(sandbox, 'cat', { stdin: lines() })
    expect(stdout.split('\n').filter(Boolean)).toHaveLength(100)
  })

  test('may be ignored by the command', async () => {
    expect((await sh(sandbox, 'exit 2', { stdin: Buffer.alloc(20 * MiB) })).code).toBe(2)
  })

  test('is closed when there is none', async () => {
    expect(await sh(sandbox, 'cat; echo end')).toMatchObject({ stdout: 'end\n' })
  })

  test('that fails rejects the command instead of looking complete', async () => {
    async function* broken() {
      yield Buffer.from('half')
      throw new Error('source broke')
    }
    await expect(sh(sandbox, 'cat', { stdin: broken() })).rejects.toThrow('source broke')
  })
})

describe('exec() output', () => {
  test('keeps the streams apart', async () => {
    expect(await sh(sandbox, 'echo out; echo err >&2')).toMatchObject({ stdout: 'out\n', stderr: 'err\n' })
  })

  test('of 100 MB arrives whole through a slow consumer in bounded memory', async () => {
    const size = 100 * MiB
    let bytes = 0
    let peak = 0
    let pauses = 0
    const before = process.memoryUsage().rss
    await sandbox.exec(
      {
        command: ['head', '-c', String(size), '/dev/zero'],
        user: 'agent',
        onOutput: async (_, chunk) => {
          const megabyteBefore = Math.floor(bytes / MiB)
          bytes += chunk.length
          if (Math.floor(bytes / MiB) === megabyteBefore) return
          pauses++
          peak = Math.max(peak, process.memoryUsage().rss - before)
          await delay(5)
        },
      },
      NEVER,
    )
    expect(bytes).toBe(size)
    expect(pauses).toBe(100)
    expect(peak).toBeLessThan(80 * MiB)
  })

  test('is held back by a consumer that does not take it', async () => {
    let taken = 0
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    const running = sandbox.exec(
      {
        command: ['sh', '-c', 'head -c 20000000 /dev/zero; touch /tmp/all-written'],
        user: 'agent',
        onOutput: (_, chunk) => {
          taken += chunk.length
          return held
        },
      },
      NEVER,
    )
    const waiting = 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done; ls /tmp/all-written'
    expect((await sh(sandbox, waiting)).code).not.toBe(0)
    expect(taken).toBeLessThan(MiB)
    release()
    await running
    expect(taken).toBe(20_000_000)
  })

  test('that its consumer refuses rejects the command', async () => {
    const refusing = () => Promise.reject(new Error('log is full'))
    await expect(sh(sandbox, 'yes', { onOutput: refusing })).rejects.toThrow('log is full')
    await sandbox.killAll(NEVER)
  })
})

describe('exec() environment', () => {
  test.each([
    ['agent', '1000:1000 /agent-home'],
    ['root', '0:0 /root'],
  ] as const)('of %s is its own', async (user, expected) => {
    const { stdout } = await sh(sandbox, 'echo $(id -u):$(id -g) $HOME', { user })
    expect(stdout.trim()).toBe(expected)
  })

  test('has the variables and the folder that were asked for', async () => {
    const odd = 'a b\n"$(c)"\''
    const { stdout } = await sh(sandbox, 'printf "%s|%s" "$ODD" "$PWD"', { env: { ODD: odd }, cwd: '/workspace' })
    expect(stdout).toBe(`${odd}|/workspace`)
  })
})

describe('exec() abort', () => {
  test('rejects at once with the reason', async () => {
    const stop = new AbortController()
    const said = new Promise<void>((resolve) => {
      const running = sandbox.exec(
        { command: ['sh', '-c', 'echo up; sleep 60'], user: 'agent', onOutput: () => resolve() },
        stop.signal,
      )
      running.catch(() => {})
    })
    await said
    const running = sandbox.exec({ command: ['sleep', '60'], user: 'agent' }, stop.signal)
    const started = performance.now()
    stop.abort(new Error('cancelled by a person'))
    await expect(running).rejects.toThrow('cancelled by a person')
    expect(performance.now() - started).toBeLessThan(100)
    await sandbox.killAll(NEVER)
  })

  test('rejects while a consumer holds output back', async () => {
    const stop = new AbortController()
    let onFirst = () => {}
    const first = new Promise<void>((resolve) => (onFirst = resolve))
    const stuck = () => {
      onFirst()
      return new Promise<void>(() => {})
    }
    const running = sandbox.exec({ command: ['echo', 'hi'], user: 'agent', onOutput: stuck }, stop.signal)
    const outcome = expect(running).rejects.toThrow('stop')
    await first
    stop.abort(new Error('stop'))
    await outcome
  })
})
