import { LEDGER_CAPS, type LedgerRecord, type ModelUse } from '../../ledger.ts'

// A line of the spool is pure ASCII and has one layout, so that a scan after a crash reads it without a JSON parser:
//
//   {"position":P,"record":{"seq":S,"at":"…24…","sandbox":"ID",…}}\n
//
// What PostgreSQL refuses in text and jsonb (NUL, surrogates without their other half) becomes a visible escape.

/** What is known when an exchange is decided. */
export type RecordHead = Omit<
  LedgerRecord,
  'seq' | 'reason' | 'status' | 'bytesUp' | 'bytesDown' | 'ms' | 'policyVersion' | 'use'
>
/** What is known when it is over. */
export type RecordTail = Pick<
  LedgerRecord,
  'reason' | 'status' | 'bytesUp' | 'bytesDown' | 'ms' | 'policyVersion' | 'use'
>

/** The head as JSON members, without `seq`; kept while the exchange is open, as both its lines begin with it. */
export function headJson(head: RecordHead): string {
  return (
    `"at":${quote(head.at)},"sandbox":${text(head.sandbox, ID_CAP)},"attempt":${text(head.attempt, ID_CAP)},` +
    `"phase":${text(head.phase, ID_CAP)},"layer":${quote(head.layer)},"asked":${text(head.asked, LEDGER_CAPS.asked)},` +
    `"host":${text(head.host, LEDGER_CAPS.asked)},"port":${integer(head.port)},"address":${text(head.address, ID_CAP)},` +
    `"method":${text(head.method, LEDGER_CAPS.method)},"path":${text(head.path, LEDGER_CAPS.path)},` +
    `"verdict":${quote(head.verdict)},"rule":${text(head.rule, RULE_CAP)}`
  )
}

export function tailJson(tail: RecordTail): string {
  return (
    `"reason":${text(tail.reason, ID_CAP)},"status":${integer(tail.status)},"bytesUp":${integer(tail.bytesUp) ?? 0},` +
    `"bytesDown":${integer(tail.bytesDown) ?? 0},"ms":${integer(tail.ms)},"policyVersion":${integer(tail.policyVersion) ?? 0}` +
    (tail.use === undefined ? '' : `,"use":${useJson(tail.use)}`)
  )
}

function useJson({ person, provider, model, inputTokens, outputTokens }: ModelUse): string {
  return (
    `{"person":${text(person, ID_CAP)},"provider":${text(provider, ID_CAP)},"model":${text(model, ID_CAP)},` +
    `"inputTokens":${integer(inputTokens) ?? 0},"outputTokens":${integer(outputTokens) ?? 0}}`
  )
}

export function lineOf(position: number, seq: number, members: string): string {
  return `{"position":${position},"record":{"seq":${seq},${members}}}\n`
}

/** A request target whose query is replaced by its length. */
export function redactQuery(path: string): string {
  const start = path.indexOf('?')
  return start < 0 ? path : `${path.slice(0, start)}?[${path.length - start - 1} bytes]`
}

/** Lengths of text that is not the sandbox's own. */
const ID_CAP = 256
const RULE_CAP = 512

function text(value: string | null, cap: number): string {
  return value === null ? 'null' : quote(cut(value, cap))
}

function integer(value: number | null): number | null {
  if (value === null || !Number.isFinite(value)) return null
  return Number.isSafeInteger(value) ? value : Math.min(Math.max(Math.round(value), 0), Number.MAX_SAFE_INTEGER)
}

const PLAIN = /^[ !#-[\]-~]*$/

function quote(value: string): string {
  return PLAIN.test(value) ? `"${value}"` : JSON.stringify(value).replace(/[\u007f-\uffff]/g, escapeUnit)
}

const UNSTORABLE = /\0|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/** At most `cap` characters, no half of a pair at the end, and nothing in it that a database refuses. */
function cut(value: string, cap: number): string {
  if (value.length <= cap && PLAIN.test(value)) return value
  return slicePairs(slicePairs(value, cap).replace(UNSTORABLE, escapeUnit), cap)
}

function slicePairs(value: string, cap: number): string {
  if (value.length <= cap) return value
  const last = value.charCodeAt(cap - 1)
  const splitsPair = last >= 0xd800 && last <= 0xdbff
  return value.slice(0, splitsPair ? cap - 1 : cap)
}

const escapeUnit = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
