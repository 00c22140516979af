import { constants } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import { createLeafKey, openIssuer, LEAF_LIFETIME, type Issuer, type LeafKey } from './authority.ts'
import { openCaStore, trustedCas, type CaStore } from './ca-store.ts'

/** The CA at work: TLS contexts for names, made once and kept. */
export interface LeafAuthority {
  /** Of the CA that signs, PEM. */
  readonly caPem: string
  readonly nextCaPem: string | undefined
  /** All that sandboxes are to trust, PEM. */
  readonly trusted: readonly string[]
  /**
   * The context that serves a canonical name. `admit` is asked only when a certificate has to be minted; undefined: it
   * said no. Contexts do not share ticket keys: a session resumes under its own name only, in this process only.
   */
  contextFor(name: string, admit: () => boolean): SecureContext | undefined
  rotate(): Promise<void>
  activate(): Promise<void>
  dropOld(): Promise<void>
}

type Kept = { context: SecureContext; from: number; until: number }

/** More names than a busy installation uses in a day; each is some 25 KiB. */
const MAX_KEPT = 1000
/** A connection that begins now may live for hours under the same leaf. */
const RENEW_AFTER = LEAF_LIFETIME / 2

/** Opens the CA of a state folder, or makes it. */
export async function openLeafAuthority(
  folder: string,
  options: { maxKept?: number; now?: () => Date } = {},
): Promise<LeafAuthority> {
  const now = options.now ?? (() => new Date())
  const store = await openCaStore(folder, now)
  const key = createLeafKey()
  let cache = createCache(openIssuer(store.cas.active), { key, now, maxKept: options.maxKept ?? MAX_KEPT })
  return {
    ...trust(store),
    get caPem() {
      return store.cas.active.cert
    },
    get nextCaPem() {
      return store.cas.next?.cert
    },
    get trusted() {
      return trustedCas(store.cas)
    },
    contextFor: (name, admit) => cache(name, admit),
    activate: async () => {
      await store.activateNext()
      cache = createCache(openIssuer(store.cas.active), { key, now, maxKept: options.maxKept ?? MAX_KEPT })
    },
  }
}

const trust = (store: CaStore) => ({ rotate: () => store.prepareNext(), dropOld: () => store.dropOld() })

type CacheOptions = { key: LeafKey; now: () => Date; maxKept: number }

/** Contexts by name; the one used longest ago leaves first. Minting takes a fraction of a millisecond, so it does not wait. */
function createCache(issuer: Issuer, options: CacheOptions): LeafAuthority['contextFor'] {
  const kept = new Map<string, Kept>()
  return (name, admit) => {
    const now = options.now()
    const hit = kept.get(name)
    kept.delete(name)
    if (hit !== undefined && hit.from <= now.getTime() && now.getTime() < hit.until) {
      kept.set(name, hit)
      return hit.context
    }
    if (!admit()) return undefined
    const leaf = issuer(name, options.key, now)
    const context = createSecureContext({
      key: options.key.pem,
      cert: leaf.cert,
      minVersion: 'TLSv1.2',
      // A second handshake inside of the first would bring a name that nobody decided on.
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    })
    kept.set(name, { context, from: leaf.notBefore, until: leaf.notBefore + RENEW_AFTER })
    for (const eldest of kept.keys()) {
      if (kept.size <= options.maxKept) break
      kept.delete(eldest)
    }
    return context
  }
}
