import type { Reason } from '../../ledger.ts'
import { LEDGER_CAPS } from '../../ledger.ts'
import { parseName } from '../../names.ts'
import { judgeOwnName } from '../listen/own-names.ts'
import type { Session } from '../session.ts'
import { CLASS_IN, RCODE, readQuery, TYPE_A, writeAnswer, type DnsQuery } from './message.ts'

/** Long enough for a client to connect, short enough that a change of the policy is seen at once. */
const TTL_SECONDS = 2

/** A refused question, for the ledger. */
export type DnsRefusal = { asked: string; host: string | null; rule: string | null; reason: Reason }
export type DnsAnswer = { bytes: Buffer; type: number; refusal?: DnsRefusal }

/**
 * Answers a packet from the policy alone: an allowed name is the gateway's own address, whatever else is asked of it is
 * not there, any other name does not exist. Nothing is forwarded. Undefined: not a question that deserves an answer.
 */
export function answerDns(packet: Uint8Array, session: Session): DnsAnswer | undefined {
  const query = readQuery(packet)
  if (query === undefined) return undefined
  const refusal = judge(query, session)
  const { type } = query
  if (refusal !== undefined) {
    const rcode = query.class === CLASS_IN ? RCODE.nameError : RCODE.refused
    return { bytes: writeAnswer(query, { rcode }), type, refusal }
  }
  if (type !== TYPE_A) return { bytes: writeAnswer(query, { rcode: RCODE.ok }), type }
  const answer = { rcode: RCODE.ok, address: session.gatewayAddress, ttl: TTL_SECONDS }
  return { bytes: writeAnswer(query, answer), type }
}

/** Why a question is refused; undefined: its name may be reached. */
function judge(query: DnsQuery, session: Session): DnsRefusal | undefined {
  const asked = query.asked.slice(0, LEDGER_CAPS.asked)
  const parsed = query.ambiguous ? ({ ok: false, reason: 'malformed' } as const) : parseName(query.asked)
  if (!parsed.ok) return { asked, host: null, rule: null, reason: parsed.reason }
  const host = parsed.name
  if (query.class !== CLASS_IN) return { asked, host, rule: null, reason: 'malformed' }
  const own = judgeOwnName(session, host)
  if (own !== undefined) return 'reason' in own ? { asked, host, rule: null, reason: own.reason } : undefined
  const decision = session.policy.decide({ kind: 'name', name: host })
  return decision.verdict === 'allow' ? undefined : { asked, host, rule: decision.rule, reason: decision.reason }
}
