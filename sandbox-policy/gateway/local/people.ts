// People's own tools at the model route: one session a person and wire, for as long as this process lives, so that its pace,
// its slots and its numbers on the spool go on from one request to the next.

import { randomBytes } from 'node:crypto'
import { compilePolicy } from '../../compile.ts'
import { DEFAULT_SANDBOX_LIMITS, type LocalAccess, type ModelGrant, type Wire } from '../../control.ts'
import { Policy } from '../../policy.ts'
import { completeRecords } from '../end-session.ts'
import type { Spool } from '../ledger/spool.ts'
import { FIRST_LEASE_MS, SandboxSession, type SessionDeps } from '../sandbox-session.ts'

/** Far more than a person's tools ask for. */
const REQUESTS_PER_SECOND = 50
const NOWHERE = '0.0.0.0'
const CLOSED = { policy: Policy.parse({}) }

export type PeopleDeps = Omit<SessionDeps, 'person'> & { spool: SessionDeps['spool'] & Pick<Spool, 'flush'> }

export class LocalPeople {
  readonly #deps: PeopleDeps
  readonly #boot = randomBytes(6).toString('hex')
  readonly #sessions = new Map<string, { session: SandboxSession; wire: Wire }>()
  #grants: ReadonlyMap<Wire, ModelGrant> = new Map()
  #version = 0
  #made = 0
  #leaseUntil = 0

  constructor(deps: PeopleDeps) {
    this.#deps = deps
  }

  /** In force when it returns: what is under way at a provider that is another one now, or none, is cut. */
  put({ providers }: LocalAccess): void {
    this.#grants = new Map(providers.map((grant) => [grant.wire, grant]))
    this.#version += 1
    this.renew(this.#deps.clock() + FIRST_LEASE_MS)
    for (const { session, wire } of this.#sessions.values()) {
      session.replace(this.#config(session.id, wire), compilePolicy(CLOSED))
    }
  }

  /** False when nothing was put, or its lease was over: the runner sends it again. */
  renew(leaseUntil: number): boolean {
    if (this.#version === 0) return false
    this.#leaseUntil = leaseUntil
    for (const { session } of this.#sessions.values()) session.leaseUntil = leaseUntil
    return true
  }

  /** The models of all wires; undefined: nothing may be used. */
  models(): readonly string[] | undefined {
    return this.#isOver() ? undefined : [...new Set([...this.#grants.values()].flatMap(({ models }) => models))]
  }

  /** Undefined: nothing of this wire may be used. */
  sessionOf(person: string, wire: Wire): SandboxSession | undefined {
    if (this.#isOver() || !this.#grants.has(wire)) return undefined
    const key = `${wire} ${person}`
    const known = this.#sessions.get(key)
    if (known !== undefined) return known.session
    const config = this.#config(`local.${this.#boot}.${++this.#made}`, wire)
    const session = new SandboxSession(config, compilePolicy(CLOSED), { ...this.#deps, person })
    session.leaseUntil = this.#leaseUntil
    this.#sessions.set(key, { session, wire })
    return session
  }

  /** Ends all when the lease is over. */
  expire(): void {
    if (this.#version > 0 && this.#isOver()) void this.removeAll()
  }

  async removeAll(): Promise<void> {
    const all = [...this.#sessions.values()].map(({ session }) => session)
    this.#sessions.clear()
    this.#grants = new Map()
    this.#version = 0
    for (const session of all) session.end()
    await Promise.all(all.map((session) => completeRecords(session, this.#deps.spool)))
  }

  #isOver(): boolean {
    return this.#deps.clock() >= this.#leaseUntil
  }

  #config(id: string, wire: Wire) {
    const model = this.#grants.get(wire)
    return {
      id,
      attempt: null,
      phase: 'agent' as const,
      gatewayAddress: NOWHERE,
      sandboxAddress: NOWHERE,
      policyVersion: this.#version,
      policy: CLOSED,
      credentials: {},
      ...(model && { model }),
      repositories: [],
      limits: { ...DEFAULT_SANDBOX_LIMITS, requestsPerSecond: REQUESTS_PER_SECOND },
      seqAfter: 0,
    }
  }
}
