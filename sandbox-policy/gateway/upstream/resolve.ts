import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { DialError } from './dialer.ts'

/**
 * All addresses of a canonical name, as they are: nobody has vetted them. Rejects with DialError `upstream-dns`, also where
 * a `partition` has too many look-ups under way.
 */
export type Resolve = (name: string, signal: AbortSignal, partition?: string) => Promise<readonly string[]>

export type ResolveDeps = {
  /** Names with fixed answers; asked anew each time. */
  staticHosts: () => Readonly<Record<string, readonly string[]>>
  /** `host:port` of the servers to ask; absent: those of resolv.conf. */
  servers?: readonly string[]
  now?: () => number
}

/** Bridges a burst of new connections; short enough that a changed answer is seen at once. */
const KEEP_MS = 5_000
const MAX_KEPT = 1000
const QUERY_MS = 2_000
const TRIES = 2
const DEADLINE_MS = 6_000
/** How long one address family waits for the other. A silent server for AAAA is common. */
const OTHER_FAMILY_MS = 1_000
/**
 * Look-ups of one sandbox at a time, those among them that it no longer waits for: names of a zone whose servers are silent
 * must not fill the resolver that all share.
 */
const MAX_ASKING = 64
/** An answer with more is no answer of a web server. */
const MAX_ADDRESSES = 64

/**
 * Resolves with c-ares, which reads resolv.conf, appends no search domain, and takes no thread per query: slow name
 * servers of a hostile domain hold nobody up.
 */
export function createResolve(deps: ResolveDeps): Resolve {
  const now = deps.now ?? Date.now
  const resolver = new Resolver({ timeout: QUERY_MS, tries: TRIES })
  if (deps.servers !== undefined) resolver.setServers(deps.servers)
  const kept = new Map<string, { addresses: readonly string[]; until: number }>()
  const running = new Map<string, Promise<readonly string[]>>()
  const places = createPlaces()

  const ask = async (name: string): Promise<readonly string[]> => {
    const addresses = await query(resolver, name)
    kept.delete(name)
    kept.set(name, { addresses, until: now() + KEEP_MS })
    for (const eldest of kept.keys()) {
      if (kept.size <= MAX_KEPT) break
      kept.delete(eldest)
    }
    return addresses
  }

  return async (name, signal, partition) => {
    const hosts = deps.staticHosts()
    if (Object.hasOwn(hosts, name)) return orFail(name, hosts[name] ?? [], 'its static entry is empty')
    const hit = kept.get(name)
    if (hit !== undefined && now() < hit.until) return hit.addresses
    let started = running.get(name)
    if (started === undefined) {
      const leave = places(partition)
      if (leave === undefined) throw new DialError('upstream-dns', `Cannot resolve ${name}: too many names at once`)
      started = ask(name).finally(() => {
        running.delete(name)
        leave()
      })
      running.set(name, started)
    }
    return abortable(started, signal)
  }
}

/** Counts look-ups under way; undefined: there are too many of the partition's. */
function createPlaces(): (partition: string | undefined) => (() => void) | undefined {
  const taken = new Map<string, number>()
  return (partition) => {
    if (partition === undefined) return () => {}
    const count = taken.get(partition) ?? 0
    if (count >= MAX_ASKING) return undefined
    taken.set(partition, count + 1)
    return () => {
      const left = (taken.get(partition) ?? 1) - 1
      if (left > 0) taken.set(partition, left)
      else taken.delete(partition)
    }
  }
}

type Answer = { addresses: readonly string[]; fault: string }

/** Both families at once. IPv4 first: a container seldom has a way out on IPv6. */
async function query(resolver: Resolver, name: string): Promise<readonly string[]> {
  const six = answerOf(resolver.resolve6(name))
  const first = await within(answerOf(resolver.resolve4(name)), DEADLINE_MS)
  const second = await within(six, first.addresses.length > 0 ? OTHER_FAMILY_MS : DEADLINE_MS)
  return orFail(name, [...first.addresses, ...second.addresses], first.fault)
}

function orFail(name: string, addresses: readonly string[], fault: string): readonly string[] {
  if (addresses.length > 0 && addresses.length <= MAX_ADDRESSES && addresses.every((each) => isIP(each) !== 0))
    return addresses
  throw new DialError('upstream-dns', `Cannot resolve ${name}: ${addresses.length === 0 ? fault : 'an odd answer'}`)
}

/** Never rejects: one family without an answer leaves the other's. */
async function answerOf(work: Promise<readonly string[]>): Promise<Answer> {
  try {
    return { addresses: await work, fault: '' }
  } catch (error) {
    return { addresses: [], fault: error instanceof Error && 'code' in error ? String(error.code) : 'no answer' }
  }
}

async function within(answer: Promise<Answer>, ms: number): Promise<Answer> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Answer>((resolve) => {
    timer = setTimeout(() => resolve({ addresses: [], fault: 'no answer in time' }), ms)
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Others may wait for the same answer: only this wait ends. */
function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new DialError('upstream-dns', 'Cannot resolve: nobody waits for it'))
    signal.addEventListener('abort', onAbort, { once: true })
    // Also where nobody waits: a rejection without a handler ends the process.
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    if (signal.aborted) onAbort()
  })
}
