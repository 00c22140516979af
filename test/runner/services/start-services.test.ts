import { expect, test } from 'vitest'
import { cleanupStack } from '../../../runner/cleanup.ts'
import type { AttemptFailure } from '../../../runner/failure.ts'
import { untilAborted } from '../../../runner/sandbox/aborted.ts'
import type { Sidecar, SidecarEnd, SidecarSpec } from '../../../runner/sandbox/sidecar.ts'
import type { Listening } from '../../../runner/services/listening.ts'
import { startServices } from '../../../runner/services/start-services.ts'
import type { StartDeps } from '../../../runner/services/start-services.ts'
import { deferred } from '../../../runner/deferred.ts'

const NEVER = new AbortController().signal

/** A sidecar that runs until the test ends it. */
class FakeSidecar implements Sidecar {
  readonly container: string
  readonly calls: string[] = []
  readonly diskFull: Promise<void>
  fillDisk: () => void = () => undefined
  ends: (end: SidecarEnd) => void = () => undefined
  readonly #ending: Promise<void>
  #end: SidecarEnd | undefined

  constructor({ name }: SidecarSpec) {
    this.container = `container-${name}`
    this.diskFull = new Promise((resolve) => (this.fillDisk = resolve))
    this.#ending = new Promise((resolve) => {
      this.ends = (end) => {
        this.#end = end
        resolve()
      }
    })
  }

  async start(): Promise<void> {
    this.calls.push('start')
  }

  ended(signal: AbortSignal): Promise<void> {
    return untilAborted(this.#ending, signal)
  }

  async end() {
    return this.#end
  }

  async lastWords() {
    return 'FATAL: no password'
  }

  async destroy(): Promise<void> {
    this.calls.push('destroy')
  }
}

/** Two services, `db` at port 5432 and `queue` that nobody can wait for. */
function services(untilListening: StartDeps['untilListening'], readyLimitMs?: number) {
  const made: FakeSidecar[] = []
  const specs: SidecarSpec[] = []
  const notes: string[] = []
  const noted = deferred<void>()
  const broken: AttemptFailure[] = []
  const cleanup = cleanupStack()
  const input = {
    owner: { installation: 'i', attempt: 'a', claim: 1 },
    found: [
      { service: { name: 'db', image: 'postgres', env: { A: '1' }, command: ['-x'] }, image: 'p:1', ports: [5432] },
      { service: { name: 'queue', image: 'queue' }, image: 'q:1', ports: [] },
    ],
    places: ['10.213.0.3', '10.213.0.4'].map((address) => ({ network: 'net', address, dns: '10.213.0.6' })),
    note: async (message: string) => {
      notes.push(message)
      noted.resolve()
    },
    onBroken: (failure: AttemptFailure) => void broken.push(failure),
    onLeftover: () => undefined,
    cleanup,
  }
  const createSidecar = (spec: SidecarSpec) => {
    specs.push(spec)
    const sidecar = new FakeSidecar(spec)
    made.push(sidecar)
    return sidecar
  }
  const deps = { createSidecar, untilListening, ...(readyLimitMs !== undefined && { readyLimitMs }) }
  const start = (signal = NEVER) => startServices(input, deps, signal)
  return { start, made, specs, notes, noted, broken, cleanup }
}

const never = (signal: AbortSignal) => untilAborted(new Promise<never>(() => undefined), signal)

test('startServices() starts all of them, and waits for the ports of those that have some', async () => {
  const asked: Omit<Listening, 'onListening'>[] = []
  const { start, specs, made, cleanup } = services(
    async ({ targets, container }) => void asked.push({ targets, container }),
  )
  await start()
  expect(asked).toEqual([
    { targets: [{ name: 'db', address: '10.213.0.3', ports: [5432] }], container: 'container-db' },
  ])
  expect(specs).toMatchObject([
    { name: 'db', image: 'p:1', env: { A: '1' }, command: ['-x'], network: { address: '10.213.0.3' } },
    { name: 'queue', image: 'q:1', env: {}, network: { address: '10.213.0.4' } },
  ])
  await cleanup[Symbol.asyncDispose]()
  expect(made.map(({ calls }) => calls)).toEqual([
    ['start', 'destroy'],
    ['start', 'destroy'],
  ])
})

test('startServices() fails with the one that ended, its code and its last words, though another was waited for', async () => {
  const waiting = deferred<void>()
  const { start, made } = services((_, signal) => {
    waiting.resolve()
    return never(signal)
  })
  const starting = start()
  await waiting.promise
  made[1]?.ends({ code: 3, outOfMemory: false })
  await expect(starting).rejects.toMatchObject({
    reason: 'service-failed',
    message: 'Cannot use service "queue": it ended with exit code 3. Its last words: FATAL: no password',
  })
})

test('startServices() says that a service ended when that is why it could not be looked at', async () => {
  const { start, made } = services(async () => {
    made[0]?.ends({ code: 137, outOfMemory: true })
    throw new Error('Cannot start a helper container: its network is gone')
  })
  await expect(start()).rejects.toMatchObject({
    reason: 'service-failed',
    message: expect.stringContaining('"db": it ended for want of memory: it may use 1024 MiB') as string,
  })
})

test('startServices() fails with the one that takes no connection in time', async () => {
  const { start } = services((_, signal) => never(signal), 20)
  await expect(start()).rejects.toMatchObject({
    reason: 'service-failed',
    message: expect.stringContaining('"db": nothing took a connection at port 5432 within 0.02 s') as string,
  })
})

test('startServices() rejects with the reason of its signal', async () => {
  const stop = new AbortController()
  const { start } = services((_, signal) => {
    stop.abort(new Error('cancelled'))
    return never(signal)
  })
  await expect(start(stop.signal)).rejects.toThrow('cancelled')
})

test('startServices() tells of a service that ends later, and not of one that is removed', async () => {
  const { start, made, notes, noted, cleanup } = services(async () => undefined)
  await start()
  made[0]?.ends({ code: 1, outOfMemory: false })
  await noted.promise
  await cleanup[Symbol.asyncDispose]()
  made[1]?.ends({ code: 137, outOfMemory: false })
  await new Promise((resolve) => setImmediate(resolve))
  expect(notes).toEqual(['Cannot use service "db": it ended with exit code 1. Its last words: FATAL: no password'])
})

test.each(['before it is ready', 'afterwards'])(
  'startServices() ends the work when a service fills the disk %s',
  async (when) => {
    const fill = async () => {
      made[1]?.fillDisk()
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { start, made, broken } = services(async () => (when === 'afterwards' ? undefined : fill()))
    await start()
    if (when === 'afterwards') await fill()
    expect(broken).toMatchObject([
      { reason: 'service-failed', message: 'Cannot go on with service "queue": it used all of its disk (4096 MiB)' },
    ])
  },
)
