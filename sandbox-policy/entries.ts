import { upperTriplets } from './paths.ts'
import { parsePattern } from './patterns.ts'
import type { HostPattern } from './patterns.ts'
import type { Policy, Rule } from './policy.ts'
import { COMMON_DOMAINS } from './presets.ts'
import type { RuleId } from './decide.ts'

/** The methods a rule allows, and what follows from them. */
export type Methods = {
  /** Every one, also those that nobody has heard of; else `names`. */
  all: boolean
  names: ReadonlySet<string>
  /** Nothing but GET, HEAD and OPTIONS: no bodies. */
  safe: boolean
  /** Connections may become WebSockets. */
  upgrade: boolean
  /** Git may fetch by POST. */
  gitRead: boolean
}

/** A rule made ready. */
export type Entry = {
  id: RuleId
  /** Undefined: every name. */
  pattern: HostPattern | undefined
  protocol: 'http' | 'tcp'
  ports: readonly number[]
  methods: Methods
  path: string | undefined
  internal: boolean
  tls: 'inspect' | 'passthrough' | undefined
  credential: string | undefined
  /** Says something about requests, so the gateway must see them. */
  needsInspection: boolean
}

/** A deny rule made ready. What it leaves out, it denies whatever it is. */
export type DenyEntry = {
  id: RuleId
  pattern: HostPattern
  protocol: 'http' | 'tcp' | undefined
  port: number | undefined
  methods: ReadonlySet<string> | undefined
  path: string | undefined
}

export const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])
/** A rule that names all of these allows all methods as people understand it. */
const USUAL = [...SAFE, 'POST', 'PUT', 'PATCH', 'DELETE']
const WEB_PORTS: readonly number[] = [80, 443]

/** What a policy allows: its rules, the more specific first, then its preset. Throws on a bad host. */
export function allowEntries(policy: Policy): Entry[] {
  const readOnly: Methods = { all: false, names: SAFE, safe: true, upgrade: false, gitRead: policy.gitRead }
  const methods: Methods =
    policy.methods === 'all' ? { all: true, names: new Set(), safe: false, upgrade: true, gitRead: false } : readOnly
  const rules = policy.allow
    .map((rule, index) => allowEntry(rule, `allow[${index}]`, methods))
    .sort((a, b) => generality(a) - generality(b) || (b.path?.length ?? -1) - (a.path?.length ?? -1))
  return [...rules, ...presetEntries(policy.preset, methods)]
}

/** Throws on a bad host. */
export function denyEntry(rule: Rule, id: RuleId): DenyEntry {
  return {
    id,
    pattern: patternOf(rule.host),
    protocol: rule.protocol,
    port: rule.port,
    methods: rule.methods && new Set(rule.methods),
    path: rule.path && upperTriplets(rule.path),
  }
}

function allowEntry(rule: Rule, id: RuleId, ofPolicy: Methods): Entry {
  return {
    id,
    pattern: patternOf(rule.host),
    protocol: rule.protocol ?? 'http',
    ports: rule.port === undefined ? WEB_PORTS : [rule.port],
    methods: rule.methods ? namedMethods(rule.methods) : ofPolicy,
    path: rule.path && upperTriplets(rule.path),
    internal: rule.internal ?? false,
    tls: rule.tls,
    credential: rule.credential,
    needsInspection:
      rule.methods !== undefined || rule.path !== undefined || rule.credential !== undefined || rule.tls === 'inspect',
  }
}

/** A name's own rules come before `**.` rules, which the index files under the name, too. */
const generality = ({ pattern }: Entry) => (pattern?.kind === 'exact' ? 0 : 1)

function namedMethods(methods: readonly string[]): Methods {
  const names = new Set(methods)
  const safe = methods.every((name) => SAFE.has(name))
  return { all: false, names, safe, upgrade: USUAL.every((name) => names.has(name)), gitRead: false }
}

function presetEntries(preset: Policy['preset'], methods: Methods): Entry[] {
  const entry = (id: RuleId, pattern: HostPattern | undefined): Entry => ({
    id,
    pattern,
    protocol: 'http',
    ports: WEB_PORTS,
    methods,
    path: undefined,
    internal: false,
    tls: undefined,
    credential: undefined,
    needsInspection: false,
  })
  if (preset === 'all') return [entry('preset:all', undefined)]
  if (preset === 'none') return []
  return COMMON_DOMAINS.map((name) => entry(`preset:common:${name}`, { kind: 'both', name }))
}

function patternOf(host: string): HostPattern {
  const parsed = parsePattern(host)
  if (!parsed.ok) throw new RangeError(parsed.fault)
  return parsed.pattern
}
