import type { Session } from '../session.ts'
import { TYPE_A } from './message.ts'

const TYPE_AAAA = 28
const TYPE_HTTPS = 65
/** What a client asks of a name that it is about to connect to, all at once. */
const OF_A_LOOKUP: ReadonlySet<number> = new Set([TYPE_A, TYPE_AAAA, TYPE_HTTPS])
const TOGETHER_MS = 2_000
const MAX_NAMES = 64

type Lookup = { until: number; types: Set<number> }

/**
 * Says whether a refused question goes on the ledger. The types of one look-up are one refusal; the same question asked
 * again is another one.
 */
export function createOneLookup(now: () => number = Date.now) {
  const sessions = new WeakMap<Session, Map<string, Lookup>>()
  return (session: Session, { name, type }: { name: string; type: number }): boolean => {
    if (!OF_A_LOOKUP.has(type)) return true
    const lookups = sessions.get(session) ?? new Map<string, Lookup>()
    sessions.set(session, lookups)
    const key = name.toLowerCase()
    const known = lookups.get(key)
    if (known !== undefined && now() < known.until && !known.types.has(type)) {
      known.types.add(type)
      return false
    }
    lookups.delete(key)
    lookups.set(key, { until: now() + TOGETHER_MS, types: new Set([type]) })
    for (const eldest of lookups.keys()) {
      if (lookups.size <= MAX_NAMES) break
      lookups.delete(eldest)
    }
    return true
  }
}
