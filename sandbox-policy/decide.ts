import type { EffectivePolicy } from './control.ts'
import type { Reason } from './ledger.ts'

/**
 * Names the rule that decided: `allow[3]`, `deny[0]`, `preset:common:debian.org`, `preset:all`, `workspace:deny[0]`,
 * `workspace:ceiling`, or one of the gateway's own: `model`, `git`. Null: no rule, so denied.
 */
export type RuleId = string

/** What the gateway asks. Names are canonical (`parseName`); methods and paths are as received. */
export type Question =
  /** May anything at all go to this name? For DNS. */
  | { kind: 'name'; name: string }
  /** May anything go to this name and port? At CONNECT, ClientHello, and for a `tcp` rule's port. */
  | { kind: 'connect'; name: string; port: number; protocol: 'http' | 'tcp' }
  /** May this request go out? `path` without query, `query` without `?`; `headers` lower-case names. */
  | {
      kind: 'request'
      name: string
      port: number
      method: string
      path: string
      query: string
      hasBody: boolean
      upgrade: boolean
      headers: ReadonlyMap<string, string>
    }

export type Allowed = {
  verdict: 'allow'
  rule: RuleId
  /**
   * Private addresses are admitted, within R14. At a `connect` that will be inspected each request says it anew: dial
   * by the request's decision.
   */
  internal: boolean
  tls: 'inspect' | 'passthrough'
  /** Name of the credential to set, on TLS to a verified upstream only. */
  credential: string | undefined
}
export type Denied = {
  verdict: 'deny'
  reason: Reason
  rule: RuleId | null
  /** For people and agents: what was asked and which rule would be needed. */
  sentence: string
}
export type Decision = Allowed | Denied

/** A policy made ready for many decisions. Immutable. */
export interface CompiledPolicy {
  readonly source: EffectivePolicy
  /** Never throws: a fault of ours denies. */
  decide(question: Question): Decision
  /** The `tcp` rules: a port each, with the one name that it leads to. */
  readonly tcpPorts: ReadonlyMap<number, string>
}
