import type { EffectivePolicy, LeaseRenewal, SandboxConfig } from '../control.ts'
import type { CompiledPolicy } from '../decide.ts'
import { Refused } from './control/refused.ts'
import { completeRecords } from './end-session.ts'
import type { Spool } from './ledger/spool.ts'
import { SandboxSession, type SessionDeps } from './sandbox-session.ts'
import type { FindSession } from './session.ts'

export type SessionsDeps = SessionDeps & {
  spool: Pick<Spool, 'counterOf' | 'open' | 'complete' | 'crowded' | 'forget' | 'flush' | 'lastPosition'>
  /** Throws when the policy makes no sense. */
  compile: (policy: EffectivePolicy) => CompiledPolicy
  /** Called after a sandbox came, changed or went. */
  onChange: () => void
}

/** The sandboxes that may use the gateway, each by its id and by the pair of addresses of its network. */
export class Sessions {
  readonly #deps: SessionsDeps
  readonly #byId = new Map<string, SandboxSession>()
  readonly #byAddresses = new Map<string, SandboxSession>()
  readonly #byRemote = new Map<string, SandboxSession>()
  /** Sandboxes that are gone, and whose records are not complete yet. */
  readonly #ending = new Map<string, Promise<void>>()

  constructor(deps: SessionsDeps) {
    this.#deps = deps
  }

  get size(): number {
    return this.#byId.size
  }

  all(): SandboxSession[] {
    return [...this.#byId.values()]
  }

  /** Finds no session whose lease is over, also when nothing has noticed yet. */
  find: FindSession = ({ local, remote }) => this.#alive(this.#byAddresses.get(pairOf(local, remote)))

  /** For packets, which do not say where they came in. An address is of one sandbox only. */
  findByRemote = (remote: string): SandboxSession | undefined => this.#alive(this.#byRemote.get(unmapped(remote)))

  get(id: string): SandboxSession | undefined {
    return this.#byId.get(id)
  }

  /** Adds a sandbox or replaces its configuration, which is in force on return. A broken policy changes nothing. */
  put(config: SandboxConfig): void {
    const policy = this.#compile(config)
    const session = this.#byId.get(config.id)
    if (session && !sameAddresses(session, config)) {
      throw new Refused(409, 'address-changed', `Cannot change sandbox "${config.id}": its addresses are fixed`)
    }
    if (session) session.replace(config, policy)
    else this.#add(config, policy)
    this.#deps.onChange()
  }

  /** Closes everything of a sandbox and completes its records; gives the last position that any of them can have. */
  async remove(id: string): Promise<number> {
    const session = this.#byId.get(id)
    if (session) this.#drop(session)
    await this.#ending.get(id)
    return this.#deps.spool.lastPosition
  }

  /** Gives the ids that are not known: the runner sends their configuration again. */
  renew({ ids, leaseMs }: LeaseRenewal): string[] {
    this.expire()
    const leaseUntil = this.#deps.clock() + leaseMs
    return ids.filter((id) => {
      const session = this.#byId.get(id)
      if (session) session.leaseUntil = leaseUntil
      return !session
    })
  }

  /** Ends the sandboxes whose lease is over. */
  expire(): void {
    const now = this.#deps.clock()
    for (const session of this.all()) if (session.leaseUntil <= now) this.#drop(session)
  }

  async removeAll(): Promise<void> {
    for (const session of this.all()) this.#drop(session)
    await Promise.all(this.#ending.values())
  }

  #alive(session: SandboxSession | undefined): SandboxSession | undefined {
    if (!session || session.leaseUntil > this.#deps.clock()) return session
    this.#drop(session)
    return undefined
  }

  #compile({ id, policy }: SandboxConfig): CompiledPolicy {
    try {
      return this.#deps.compile(policy)
    } catch (error) {
      this.#deps.log('a policy was refused', id)
      if (error instanceof Refused) throw error
      const why = error instanceof Error ? error.message : 'it cannot be compiled'
      throw new Refused(422, 'policy-invalid', `Cannot set the policy of sandbox "${id}": ${why}`)
    }
  }

  #add(config: SandboxConfig, policy: CompiledPolicy): void {
    // An address is one sandbox's at a time: a runner that uses it again has removed the earlier one.
    const earlier = this.#byRemote.get(config.sandboxAddress)
    if (earlier) this.#drop(earlier)
    const session = new SandboxSession(config, policy, this.#deps)
    this.#byId.set(config.id, session)
    this.#byRemote.set(config.sandboxAddress, session)
    this.#byAddresses.set(pairOf(config.gatewayAddress, config.sandboxAddress), session)
  }

  /** Nothing finds it any more, and everything of it is closed. */
  #drop(session: SandboxSession): void {
    if (this.#byId.get(session.id) !== session) return
    this.#byId.delete(session.id)
    this.#byRemote.delete(session.sandboxAddress)
    this.#byAddresses.delete(pairOf(session.gatewayAddress, session.sandboxAddress))
    session.end()
    this.#deps.onChange()
    const ending = this.#complete(session).finally(() => {
      if (this.#ending.get(session.id) === ending) this.#ending.delete(session.id)
    })
    this.#ending.set(session.id, ending)
  }

  async #complete(session: SandboxSession): Promise<void> {
    await completeRecords(session, this.#deps.spool)
    if (!this.#byId.has(session.id)) this.#deps.spool.forget(session.id)
  }
}

function sameAddresses(session: SandboxSession, config: SandboxConfig): boolean {
  return session.gatewayAddress === config.gatewayAddress && session.sandboxAddress === config.sandboxAddress
}

/** A listener on both families gives IPv4 addresses in their mapped form. */
function pairOf(local: string, remote: string): string {
  return `${unmapped(local)} ${unmapped(remote)}`
}

const unmapped = (address: string): string => (address.startsWith('::ffff:') ? address.slice(7) : address)
