import { setTimeout as delay } from 'node:timers/promises'
import { LOCAL_ID } from '../../sandbox-policy/control.ts'
import type { GatewaySettings, LocalAccess, ModelUsage, SandboxConfig } from '../../sandbox-policy/control.ts'
import { untilAborted } from '../sandbox/aborted.ts'
import type { Engine } from '../sandbox/engine.ts'
import { GatewayRefused, type ControlClient, type Health } from './control-client.ts'
import { InOrder } from './in-order.ts'
import type { LedgerReader } from './ledger-reader.ts'
import type { Log } from './log.ts'
import { Oversight } from './oversight.ts'
import { networkUnavailable } from './unavailable.ts'

/** Three renewals may fail before sandboxes lose their network. */
const LEASE_MS = 12_000
const RENEW_MS = 3000
const ANSWER_LIMIT_MS = 10_000
const POLL_MS = 10
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 5000
/** How long one waits for a gateway that is being brought back. */
const READY_LIMIT_MS = 30_000
const LEDGER_LIMIT_MS = 15_000

export type GatewayDeps = {
  containers: {
    ground: string
    gateway: string
    ensure: (signal: AbortSignal) => Promise<void>
    restartGateway: () => Promise<void>
    log: (lines: number) => Promise<string>
  }
  engine: Pick<Engine, 'waitService'>
  control: ControlClient
  reader: LedgerReader
  settings: () => Promise<GatewaySettings>
  log: Log
}

type Waiter = { resolve: (health: Health) => void; reject: (error: Error) => void }

/**
 * Keeps a gateway running and tells it what it must know: after each start the settings, every sandbox and its lease.
 * Without it sandboxes have no network; with a new one they have theirs again.
 */
export class Gateway {
  readonly #deps: GatewayDeps
  readonly #live = new Map<string, SandboxConfig>()
  /** An older configuration of a sandbox must not arrive after a newer one. */
  readonly #inOrder = new InOrder()
  readonly #stop = new AbortController()
  readonly #waiting = new Set<Waiter>()
  #health: Health | undefined
  #local: LocalAccess | undefined
  readonly #oversight: Oversight
  #settings = ''
  #fault: Error | undefined
  #running: Promise<void> | undefined
  #reading: Promise<void> = Promise.resolve()
  #wake: (() => void) | undefined

  constructor(deps: GatewayDeps) {
    this.#deps = deps
    this.#oversight = new Oversight(deps)
  }

  /** Resolves when the gateway runs and knows all, starting it if need be. Rejects with AttemptFailure when it cannot be had. */
  async ready(signal: AbortSignal): Promise<Health> {
    this.#running ??= this.#run()
    if (this.#health !== undefined) return this.#health
    const limit = AbortSignal.any([signal, this.#stop.signal, AbortSignal.timeout(READY_LIMIT_MS)])
    try {
      return await untilAborted(new Promise<Health>((resolve, reject) => this.#wait({ resolve, reject }, limit)), limit)
    } catch (error) {
      signal.throwIfAborted()
      throw networkUnavailable(this.#fault ?? (error as Error))
    }
  }

  /** Puts a sandbox's configuration in force, now and after each restart. When it is refused, the sandbox has nothing. */
  async put(config: SandboxConfig, caller: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([caller, AbortSignal.timeout(READY_LIMIT_MS)])
    this.#live.set(config.id, config)
    await this.#inOrder.run(config.id, async () => {
      for (;;) {
        const health = await this.ready(signal)
        const wanted = this.#live.get(config.id)
        if (wanted === undefined) return
        try {
          return await this.#send(wanted)
        } catch (error) {
          if (!(error instanceof GatewayRefused)) {
            await this.#lost(health, signal)
            continue
          }
          this.#live.delete(config.id)
          await this.#deps.control.deleteSandbox(config.id).catch(() => undefined)
          throw networkUnavailable(error)
        }
      }
    })
  }

  /** What people's own tools may reach, from now on and after each restart. Safe to try again. */
  async putLocal(access: LocalAccess, signal: AbortSignal): Promise<void> {
    await this.ready(signal)
    this.#local = access
    await this.#deps.control.putLocal(access)
  }

  /** Closes what a sandbox has open, and waits until the ledger has all of it. Safe to call twice. */
  async remove(id: string): Promise<void> {
    const limit = AbortSignal.timeout(LEDGER_LIMIT_MS)
    const wasKnown = this.#live.delete(id)
    await this.#inOrder.settled(id)
    if (!wasKnown || this.#running === undefined) return
    try {
      await this.ready(limit)
      const last = await untilAborted(this.#deps.control.deleteSandbox(id), limit)
      if (last !== undefined && !(await this.#deps.reader.stored(last, limit))) throw new Error('it took too long')
    } catch (error) {
      this.#deps.log.error({ err: error, sandbox: id }, 'The ledger of a sandbox may be stored late')
    }
    this.#deps.reader.forget(id)
    this.#oversight.forget(id)
  }

  async usage(id: string): Promise<ModelUsage> {
    await this.ready(AbortSignal.timeout(READY_LIMIT_MS))
    return this.#oversight.usage(id)
  }

  /** Since when the ledger cannot be written, so that nothing passes; undefined: it can. */
  get ledgerFailedAt(): Date | undefined {
    return this.#oversight.ledgerFailedAt
  }

  /** Sends the settings again when they are others than before. */
  async refresh(): Promise<void> {
    if (this.#health === undefined) return
    await this.#sendSettings()
  }

  /** Ends the supervision; the containers are left as they are. */
  async close(): Promise<void> {
    this.#stop.abort(new Error('the server is stopping'))
    await this.#running
    await this.#reading.catch(() => undefined)
    this.#deps.control.close()
  }

  async #run(): Promise<void> {
    const { log } = this.#deps
    for (let pauseMs = FIRST_PAUSE_MS; !this.#stop.signal.aborted;) {
      try {
        await this.#start()
        pauseMs = FIRST_PAUSE_MS
        await this.#untilLost()
        if (!this.#stop.signal.aborted) log.warn({}, 'The gateway is gone; bringing it back')
      } catch (error) {
        if (this.#stop.signal.aborted) return
        this.#fault = error as Error
        for (const { reject } of this.#waiting) if (pauseMs > 200) reject(error as Error)
        // A socket ends a moment before the engine knows why: the first try may come too early.
        if (pauseMs > FIRST_PAUSE_MS) log.error({ err: error }, 'Cannot bring the gateway up; it is tried again')
        await delay(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined)
        pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
      } finally {
        this.#health = undefined
        this.#settings = ''
      }
    }
  }

  async #start(): Promise<void> {
    const { containers, control, log } = this.#deps
    const began = performance.now()
    await containers.ensure(this.#stop.signal)
    const health = await this.#untilAnswers()
    this.#oversight.met(health)
    await this.#sendSettings()
    if (this.#local !== undefined) await control.putLocal(this.#local)
    const tellings = [...this.#live.values()].map((config) =>
      this.#tell(config).catch((error: unknown) => {
        // One that the gateway does not take has no network; the others must have theirs.
        if (!(error instanceof GatewayRefused)) throw error
        log.error({ err: error, sandbox: config.id }, 'The gateway refuses a sandbox')
      }),
    )
    await Promise.all(tellings)
    await control.renew({ ids: this.#leased(), leaseMs: LEASE_MS })
    this.#health = health
    this.#fault = undefined
    for (const { resolve } of [...this.#waiting]) resolve(health)
    log.info({ ms: Math.round(performance.now() - began), sandboxes: this.#live.size }, 'The gateway serves')
  }

  async #untilAnswers(): Promise<Health> {
    const { control, containers, engine } = this.#deps
    const over = new AbortController()
    let hasEnded = false
    // The engine hears of an end a moment after the socket does: it may have said that a dead one runs.
    engine.waitService(containers.gateway, over.signal).then(
      () => (hasEnded = true),
      () => undefined,
    )
    try {
      for (const until = performance.now() + ANSWER_LIMIT_MS; ; await delay(POLL_MS)) {
        this.#stop.signal.throwIfAborted()
        try {
          return await control.health()
        } catch (error) {
          const isLate = performance.now() > until
          if (!isLate && !hasEnded) continue
          const words = await containers.log(5)
          if (isLate) await containers.restartGateway().catch(() => undefined)
          throw new Error(`Cannot reach the gateway: ${isLate ? 'it does not answer' : 'it ended'}. ${words}`, {
            cause: error,
          })
        }
      }
    } finally {
      over.abort()
    }
  }

  async #untilLost(): Promise<void> {
    const { engine, containers, reader } = this.#deps
    const over = new AbortController()
    const signal = AbortSignal.any([over.signal, this.#stop.signal])
    const earlier = this.#reading
    const reading = earlier.catch(() => undefined).then(() => reader.run(signal))
    this.#reading = reading
    const ends = [
      reading,
      engine.waitService(containers.ground, signal),
      engine.waitService(containers.gateway, signal),
      this.#renewals(signal),
      new Promise<void>((resolve) => (this.#wake = resolve)),
    ]
    await Promise.race(ends).catch(() => undefined)
    this.#health = undefined
    over.abort()
    for (const end of ends) end.catch(() => undefined)
  }

  async #renewals(signal: AbortSignal): Promise<void> {
    for (;;) {
      await delay(RENEW_MS, undefined, { signal })
      const unknown = await this.#deps.control.renew({ ids: this.#leased(), leaseMs: LEASE_MS })
      // Removed here meanwhile is no loss; one that is ours and unknown there is.
      if (unknown.some((id) => id === LOCAL_ID || (this.#live.has(id) && !this.#inOrder.has(id)))) return
      await this.#oversight.look(this.#live.values())
    }
  }

  #leased = (): string[] => [...this.#live.keys(), ...(this.#local === undefined ? [] : [LOCAL_ID])]

  async #send(config: SandboxConfig): Promise<void> {
    await this.#tell(config)
    await this.#deps.control.renew({ ids: [config.id], leaseMs: LEASE_MS })
  }

  /** Nothing passes until its lease is renewed, too. */
  #tell(given: SandboxConfig): Promise<void> {
    const { seqAfter, ...config } = this.#oversight.leave(given)
    const after = Math.max(seqAfter, this.#deps.reader.seqOf(config.id))
    return this.#deps.control.putSandbox({ ...config, seqAfter: after })
  }

  async #sendSettings(): Promise<void> {
    const settings = await this.#deps.settings()
    const text = JSON.stringify(settings)
    if (text === this.#settings) return
    await this.#deps.control.putSettings(settings)
    this.#settings = text
  }

  /** Waits a little after a call that failed: either this gateway is seen to be gone, or it answers again. */
  async #lost(health: Health, signal: AbortSignal): Promise<void> {
    if (this.#health === health) this.#wake?.()
    await delay(POLL_MS, undefined, { signal })
  }

  #wait(waiter: Waiter, signal: AbortSignal): void {
    const leave = () => this.#waiting.delete(one)
    const one: Waiter = {
      resolve: (health) => {
        leave()
        waiter.resolve(health)
      },
      reject: (error) => {
        leave()
        waiter.reject(error)
      },
    }
    this.#waiting.add(one)
    signal.addEventListener('abort', leave, { once: true })
  }
}
