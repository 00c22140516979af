import type { Clock, Watched } from '../http/clock.ts'
import { Wire } from '../http/wire.ts'
import type { Session } from '../session.ts'
import { DialError, type Dialer } from './dialer.ts'

export type Target = { scheme: 'http' | 'https'; name: string; port: number }

export type PoolLimits = {
  /** From its connection on; an address is not trusted for longer. */
  ageMs: number
  idleMs: number
  /** Idle time up to which a request that cannot be repeated may take a connection. */
  freshMs: number
  idleSockets: number
  /** How long a vetted answer of the resolver holds. */
  addressesMs: number
  names: number
  dialMs: number
}

export const POOL_LIMITS: PoolLimits = {
  ageMs: 60_000,
  idleMs: 15_000,
  freshMs: 2_000,
  idleSockets: 64,
  addressesMs: 5_000,
  names: 256,
  dialMs: 30_000,
}

/** A connection to an upstream server, for one exchange after another of one sandbox. */
export type Upstream = {
  readonly wire: Wire
  readonly address: string
  readonly key: string
  /** It carried an exchange before. */
  readonly reused: boolean
}

type Idle = { wire: Wire; key: string; address: string; bornAt: number; until: number; since: number }
type Group = { idle: Idle[]; vetted: Map<string, { until: number; addresses: readonly string[] }>; leave: () => void }

/**
 * Upstream connections, kept alive per sandbox, scheme, name, port and vetted address; never shared between sandboxes.
 * A sandbox's idle connections go when its policy changes and when it ends.
 */
export class UpstreamPool implements Watched {
  readonly #dialer: Dialer
  readonly #clock: Clock
  readonly #limits: PoolLimits
  readonly #groups = new Map<Session, Group>()
  readonly #born = new WeakMap<Wire, number>()

  constructor(dialer: Dialer, clock: Clock, limits: Partial<PoolLimits> = {}) {
    this.#dialer = dialer
    this.#clock = clock
    this.#limits = { ...POOL_LIMITS, ...limits }
  }

  /** Vetted addresses that are at most `addressesMs` old, when there are any. */
  known(session: Session, name: string, internal: boolean): readonly string[] | undefined {
    const answer = this.#groups.get(session)?.vetted.get(vettedKey(name, internal))
    return answer !== undefined && answer.until > Date.now() ? answer.addresses : undefined
  }

  /** Resolves and vets a name. Rejects with DialError. */
  async resolve(
    session: Session,
    question: { name: string; internal: boolean },
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { name, internal } = question
    const version = session.policyVersion
    const addresses = await this.#dialer.resolve(name, { internal, partition: session.id }, signal)
    if (addresses.length === 0) throw new DialError('upstream-dns', `${name} has no address`)
    const group = this.#group(session)
    // An answer from before a change of the policy is good for its own exchange, not for later ones.
    if (group === undefined || session.policyVersion !== version) return addresses
    if (group.vetted.size >= this.#limits.names) group.vetted.clear()
    group.vetted.set(vettedKey(name, internal), { until: Date.now() + this.#limits.addressesMs, addresses })
    return addresses
  }

  /** An idle connection to one of the addresses. `repeatable`: the caller can repeat its request when it turns out dead. */
  take(session: Session, target: Target & { addresses: readonly string[]; repeatable: boolean }): Upstream | undefined {
    const group = this.#groups.get(session)
    if (group === undefined || group.idle.length === 0) return undefined
    const now = Date.now()
    for (const address of target.addresses) {
      const key = keyOf(target, address)
      for (let at = group.idle.length - 1; at >= 0; at--) {
        const idle = group.idle[at] as Idle
        if (idle.key !== key) continue
        if (idle.until <= now || !isQuiet(idle.wire)) {
          group.idle.splice(at, 1)
          idle.wire.destroy()
        } else if (idle.wire.socket.writableNeedDrain) {
          continue
        } else if (target.repeatable || now - idle.since <= this.#limits.freshMs) {
          group.idle.splice(at, 1)
          idle.wire.onClose = undefined
          idle.wire.read(undefined)
          return { wire: idle.wire, address, key, reused: true }
        }
      }
    }
    return undefined
  }

  /** Connects to the first of the addresses that answers. Rejects with DialError. */
  async dial(
    session: Session,
    target: Target & { addresses: readonly string[] },
    signal: AbortSignal,
  ): Promise<Upstream> {
    const deadline = new AbortController()
    const abort = () => {
      deadline.abort()
    }
    const timer = setTimeout(abort, this.#limits.dialMs)
    signal.addEventListener('abort', abort)
    try {
      if (signal.aborted) abort()
      return await this.#dialAny(session, target, deadline.signal)
    } finally {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    }
  }

  async #dialAny(
    { id: partition }: Session,
    target: Target & { addresses: readonly string[] },
    deadline: AbortSignal,
  ): Promise<Upstream> {
    let failure: unknown
    for (const address of target.addresses.slice(0, 3)) {
      try {
        const to = { name: target.name, address, port: target.port, partition }
        const socket = await (target.scheme === 'https'
          ? this.#dialer.connectTls(to, deadline)
          : this.#dialer.connectTcp(to, deadline))
        socket.setNoDelay(true)
        const wire = new Wire(socket, this.#clock)
        this.#born.set(wire, Date.now())
        return { wire, address, key: keyOf(target, address), reused: false }
      } catch (error) {
        failure = error
        const next = error instanceof DialError && error.reason === 'upstream-unreachable'
        if (!next || deadline.aborted) break
      }
    }
    if (failure instanceof DialError) throw failure
    throw new DialError('upstream-unreachable', `${target.name} cannot be reached`, target.addresses[0])
  }

  /**
   * Keeps a connection whose exchange ended cleanly on both sides. `policyVersion` is the one of that exchange;
   * `keepAliveMs` what the server said that it keeps it.
   */
  keep(
    session: Session,
    upstream: Upstream,
    exchange: { policyVersion: number; keepAliveMs?: number | undefined },
  ): void {
    const { wire, key, address } = upstream
    const now = Date.now()
    const bornAt = this.#born.get(wire) ?? 0
    // A second before the server's own end, or the next request meets it half-way.
    const idleMs = Math.min(this.#limits.idleMs, (exchange.keepAliveMs ?? Infinity) - 1000)
    const until = Math.min(now + idleMs, bornAt + this.#limits.ageMs)
    const group = session.policyVersion === exchange.policyVersion ? this.#group(session) : undefined
    if (group === undefined || until <= now || !isQuiet(wire)) {
      wire.destroy()
      return
    }
    const idle: Idle = { wire, key, address, bornAt, until, since: now }
    const drop = () => {
      const at = group.idle.indexOf(idle)
      if (at >= 0) group.idle.splice(at, 1)
      wire.destroy()
    }
    group.idle.push(idle)
    if (group.idle.length > this.#limits.idleSockets) group.idle.shift()?.wire.destroy()
    wire.onDrain = undefined
    wire.onClose = drop
    // A server that speaks unasked, or hangs up, has no more to say on this connection.
    wire.read({ bytes: (chunk) => (drop(), chunk.length), end: drop })
  }

  /** Idle connections, of one sandbox or of all. */
  idleCount(session?: Session): number {
    if (session !== undefined) return this.#groups.get(session)?.idle.length ?? 0
    let count = 0
    for (const group of this.#groups.values()) count += group.idle.length
    return count
  }

  check(now: number): void {
    for (const group of this.#groups.values()) {
      for (const idle of group.idle.filter(({ until }) => until <= now)) {
        group.idle.splice(group.idle.indexOf(idle), 1)
        idle.wire.destroy()
      }
    }
  }

  #group(session: Session): Group | undefined {
    if (session.ended.aborted) return undefined
    let group = this.#groups.get(session)
    if (group !== undefined) return group
    group = { idle: [], vetted: new Map(), leave: () => undefined }
    this.#groups.set(session, group)
    if (this.#groups.size === 1) this.#clock.watch(this)
    this.#join(session, group)
    return group
  }

  #join(session: Session, group: Group): void {
    const end = () => {
      flush(group)
      group.leave()
      session.ended.removeEventListener('abort', end)
      this.#groups.delete(session)
      if (this.#groups.size === 0) this.#clock.unwatch(this)
    }
    session.ended.addEventListener('abort', end)
    // Asked after each change of the policy: nothing that was opened under another one is used again.
    const stillAllowed = () => {
      flush(group)
      return true
    }
    group.leave = session.track({ stillAllowed, close: end })
  }
}

function flush(group: Group): void {
  group.vetted.clear()
  for (const { wire } of group.idle.splice(0)) wire.destroy()
}

/** A quick answer may come before the end of the write that asked for it is told: that is no fault of the connection. */
function isQuiet(wire: Wire): boolean {
  return !wire.closed && !wire.ended && wire.unread === 0 && wire.socket.writable
}

function keyOf(target: Target, address: string): string {
  return `${target.scheme}//${target.name}:${String(target.port)}@${address}`
}

function vettedKey(name: string, internal: boolean): string {
  return internal ? `internal ${name}` : name
}
