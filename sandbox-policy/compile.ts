import type { z } from 'zod'
import type { EffectivePolicy } from './control.ts'
import type { Allowed, CompiledPolicy, Decision, Denied, Question } from './decide.ts'
import { allowEntries, denyEntry } from './entries.ts'
import type { DenyEntry, Entry } from './entries.ts'
import { HostIndex } from './host-index.ts'
import { isCanonicalName } from './names.ts'
import { isAmbiguousPath, isReadablePath } from './paths.ts'
import { EffectivePolicySchema, isOff } from './policy.ts'
import type { Policy, Rule } from './policy.ts'
import { NEARNESS, denialOf, faultOf, isToken, overridesPath } from './requests.ts'
import type { Request } from './requests.ts'
import { denied } from './sentences.ts'
import type { Refusal } from './sentences.ts'

type Connect = Extract<Question, { kind: 'connect' }>
type AllowIndex = HostIndex<Entry>
type Sides = {
  off: boolean
  own: AllowIndex
  ceiling: AllowIndex | undefined
  deny: HostIndex<DenyEntry>
  /** Names of credentials by host. */
  brokered: ReadonlyMap<string, string>
}

const CEILING = 'workspace:ceiling'

/**
 * Makes a policy ready. Deny rules win, then the ceiling must allow, then one allow rule or the preset. A policy that
 * cannot be read denies everything. Never throws, and neither does what it returns.
 */
export function compilePolicy(source: EffectivePolicy): CompiledPolicy {
  try {
    const sides = sidesOf(EffectivePolicySchema.parse(source))
    const decide = (question: Question) => decideSafely(sides, question)
    return { source, decide, tcpPorts: tcpPortsOf(source.policy, decide) }
  } catch {
    const decide = (question: Question) => denied(question, { reason: 'host' })
    return { source, decide, tcpPorts: new Map() }
  }
}

function decideSafely(sides: Sides, question: Question): Decision {
  try {
    return decideIn(sides, question)
  } catch {
    return { verdict: 'deny', reason: 'malformed', rule: null, sentence: 'Denied: this could not be decided.' }
  }
}

function decideIn(sides: Sides, question: Question): Decision {
  if (sides.off) return denied(question, { reason: 'off' })
  if (!isCanonicalName(question.name)) return denied(question, { reason: 'malformed' })
  switch (question.kind) {
    case 'name':
      return decideName(sides, question)
    case 'connect':
      return decideConnect(sides, question)
    case 'request':
      return decideRequest(sides, question)
    default:
      return question satisfies never
  }
}

/** A name may be looked up when something of it may be connected to. */
function decideName(sides: Sides, question: Extract<Question, { kind: 'name' }>): Decision {
  const { name } = question
  let refused: Denied | undefined
  for (const { protocol, ports } of sides.own.find(name)) {
    for (const port of ports) {
      const decision = decideConnect(sides, { kind: 'connect', name, port, protocol })
      if (decision.verdict === 'allow') return decision
      refused ??= decision
    }
  }
  return denied(question, refused ?? { reason: 'host' })
}

function decideConnect(sides: Sides, question: Connect): Decision {
  const { name, port, protocol } = question
  const denials = sides.deny.find(name).filter((entry) => deniesAt(entry, port, protocol))
  // Nobody looks into a tcp connection, so a rule that denies some requests denies it whole.
  const whole = denials.find((entry) => protocol === 'tcp' || isWhole(entry))
  if (whole) return denied(question, { reason: whole.port === undefined ? 'host' : 'port', rule: whole.id })

  const own = reachable(sides.own, name, port, protocol)
  if (typeof own === 'string') return denied(question, { reason: own })
  const ceiling = sides.ceiling && reachable(sides.ceiling, name, port, protocol)
  if (typeof ceiling === 'string') return denied(question, { reason: ceiling, rule: CEILING })

  const mustInspect =
    denials.length > 0 ||
    own.some(needsInspection) ||
    (ceiling !== undefined && !isOpen(ceiling)) ||
    (protocol === 'http' && sides.brokered.has(name))
  const tunnels = mustInspect ? [] : own.filter(isPassthrough)
  return tunnels.length > 0 ? tunnelBy(tunnels, ceiling) : connectionBy(own, ceiling)
}

/** Decided here and nowhere else, so each of the rules counts in full. */
function tunnelBy(tunnels: readonly Entry[], ceiling: readonly Entry[] | undefined): Allowed {
  const inside = ceiling?.some(isInternal) === false ? undefined : tunnels.find(isInternal)
  return allowed((inside ?? first(tunnels)).id, { internal: inside !== undefined, tls: 'passthrough' })
}

/** Each request is decided on its own, so only what holds for every rule can be said. */
function connectionBy(entries: readonly Entry[], ceiling: readonly Entry[] | undefined): Allowed {
  const internal = entries.every(isInternal) && ceiling?.every(isInternal) !== false
  return allowed(first(entries).id, { internal })
}

function decideRequest(sides: Sides, request: Request): Decision {
  const { name, port } = request
  const denials = sides.deny.find(name)
  const here = denials.filter((entry) => deniesAt(entry, port, 'http'))
  const whole = here.find(isWhole)
  if (whole) return denied(request, { reason: whole.port === undefined ? 'host' : 'port', rule: whole.id })

  const own = reachable(sides.own, name, port, 'http')
  if (typeof own === 'string') return denied(request, { reason: own })
  const ceiling = sides.ceiling && reachable(sides.ceiling, name, port, 'http')
  if (typeof ceiling === 'string') return denied(request, { reason: ceiling, rule: CEILING })

  const misspelled = spellingFault(request, hasPathRule(sides, name, denials))
  if (misspelled) return denied(request, { reason: misspelled })
  for (const entry of here) {
    const reason = denialOf(entry, request)
    if (reason) return denied(request, { reason, rule: entry.id })
  }
  const refusedAbove = ceiling && refusalBy(ceiling, request)
  if (refusedAbove) return denied(request, { ...refusedAbove, rule: CEILING })
  const refused = refusalBy(own, request)
  return refused ? denied(request, refused) : requestBy(request, { own, ceiling, brokered: sides.brokered.get(name) })
}

type Allowing = {
  own: readonly Entry[]
  ceiling: readonly Entry[] | undefined
  /** For a request whose rules name no credential. */
  brokered: string | undefined
}

/**
 * Rules that allow the same request add up: one may bring the private addresses, another the credential. Under a ceiling
 * private addresses need a rule of its own that brings them.
 */
function requestBy(request: Request, { own, ceiling, brokered }: Allowing): Allowed {
  const allows = (entry: Entry) => faultOf(entry, request) === undefined
  const entries = own.filter(allows)
  const injecting = entries.find(({ credential }) => credential !== undefined)
  const mayBeInside = ceiling?.filter(allows).some(isInternal) !== false
  const inside = mayBeInside ? entries.find(isInternal) : undefined
  const { id } = injecting ?? inside ?? first(entries)
  return allowed(id, { internal: inside !== undefined, credential: injecting?.credential ?? brokered })
}

/** The rules of a name at a port, never none; or why there is none. */
function reachable(
  side: AllowIndex,
  name: string,
  port: number,
  protocol: Entry['protocol'],
): readonly Entry[] | 'host' | 'port' {
  const named = side.find(name)
  if (named.length === 0) return 'host'
  const found = named.filter((entry) => entry.protocol === protocol && entry.ports.includes(port))
  return found.length === 0 ? 'port' : found
}

/** Undefined when one of the rules allows the request; else what the nearest miss says. */
function refusalBy(entries: readonly Entry[], request: Request): Refusal | undefined {
  let nearest: { rank: number; refusal: Refusal } | undefined
  for (const entry of entries) {
    const reason = faultOf(entry, request)
    if (reason === undefined) return undefined
    const rank = NEARNESS.indexOf(reason)
    if (nearest === undefined || rank > nearest.rank) nearest = { rank, refusal: { reason, nearest: entry } }
  }
  return nearest?.refusal ?? { reason: 'host' }
}

function spellingFault(request: Request, pathsMatter: boolean): 'malformed' | 'header' | undefined {
  if (!isToken(request.method) || !isReadablePath(request.path, request.method)) return 'malformed'
  if (!pathsMatter) return undefined
  if (request.path !== '*' && isAmbiguousPath(request.path)) return 'malformed'
  return overridesPath(request) ? 'header' : undefined
}

function hasPathRule(sides: Sides, name: string, denials: readonly DenyEntry[]): boolean {
  const hasPath = ({ path }: { path: string | undefined }) => path !== undefined
  return (
    denials.some(hasPath) || sides.own.find(name).some(hasPath) || (sides.ceiling?.find(name).some(hasPath) ?? false)
  )
}

const isWhole = ({ methods, path }: DenyEntry) => methods === undefined && path === undefined
const isPassthrough = ({ tls }: Entry) => tls === 'passthrough'
const isInternal = ({ internal }: Entry) => internal
const needsInspection = (entry: Entry) => entry.needsInspection
/** A ceiling under which a connection needs no looking into. */
const isOpen = (ceiling: readonly Entry[]) =>
  ceiling.some(({ methods, path }) => methods.all && path === undefined) && !ceiling.some(needsInspection)

const deniesAt = (entry: DenyEntry, port: number, protocol: Entry['protocol']) =>
  (entry.port === undefined || entry.port === port) && (entry.protocol === undefined || entry.protocol === protocol)

function allowed(
  rule: string,
  { internal, tls = 'inspect', credential }: Partial<Allowed> & { internal: boolean },
): Allowed {
  return { verdict: 'allow', rule, internal, tls, credential }
}

function first(entries: readonly Entry[]): Entry {
  const [entry] = entries
  if (entry === undefined) throw new RangeError('Cannot allow: no rule does')
  return entry
}

function sidesOf({ policy, ceiling, deny = [], brokered = [] }: z.infer<typeof EffectivePolicySchema>): Sides {
  const denials = new HostIndex<DenyEntry>()
  const addDenials = (rules: readonly Rule[], idOf: (index: number) => string) =>
    rules.forEach((rule, index) => {
      const entry = denyEntry(rule, idOf(index))
      denials.add(entry.pattern, entry)
    })
  addDenials(policy.deny, (index) => `deny[${index}]`)
  addDenials(deny, (index) => `workspace:deny[${index}]`)
  addDenials(ceiling?.deny ?? [], () => CEILING)
  return {
    off: isOff(policy),
    own: allowIndex(policy),
    ceiling: ceiling && allowIndex(ceiling),
    deny: denials,
    brokered: new Map(brokered.map(({ host, credential }) => [host, credential])),
  }
}

function allowIndex(policy: Policy): AllowIndex {
  const index: AllowIndex = new HostIndex()
  for (const entry of allowEntries(policy)) index.add(entry.pattern, entry)
  return index
}

/** Ports whose rule is overruled get no listener. */
function tcpPortsOf(policy: Policy, decide: (question: Question) => Decision): ReadonlyMap<number, string> {
  const ports = new Map<number, string>()
  for (const {
    protocol,
    ports: [port],
    pattern,
  } of allowEntries(policy)) {
    if (protocol !== 'tcp' || port === undefined || pattern === undefined) continue
    const question = { kind: 'connect', name: pattern.name, port, protocol } as const
    if (decide(question).verdict === 'allow') ports.set(port, pattern.name)
  }
  return ports
}
