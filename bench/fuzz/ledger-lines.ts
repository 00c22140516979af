import { headJson, lineOf, redactQuery, tailJson, type RecordHead } from '../../sandbox-policy/gateway/ledger/line.ts'
import { LEDGER_CAPS, type LedgerRecord } from '../../sandbox-policy/ledger.ts'
import type { Random } from './random.ts'
import { must, mustEqual, target } from './target.ts'

const UNITS = [
  0, 1, 0x0a, 0x0d, 0x1b, 0x22, 0x5c, 0x2f, 0x7f, 0x80, 0xff, 0x2028, 0x2029, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xfeff,
  0xfffe, 0xffff,
]
const SNIPPETS = [
  '"},{"seq":1',
  '\\u0000',
  '\\',
  '"',
  '\r\n',
  '}}\n{"position":1',
  '\u{1f600}',
  '</script>',
  '\x1b[2J',
  '${x}',
  '%00',
]

/** Any UTF-16 text, up to far more than a record holds. */
function makeText(random: Random): string | null {
  if (random.oneIn(10)) return null
  const most = random.oneIn(20) ? 3000 : 40
  const piece = () =>
    random.oneIn(4)
      ? random.pick(SNIPPETS)
      : String.fromCharCode(random.oneIn(2) ? random.pick(UNITS) : random.int(65536))
  let text = random.list(most, piece).join('')
  if (random.oneIn(10)) text = '/'.repeat(LEDGER_CAPS.path - random.int(4)) + text
  return text
}

const NUMBERS = [0, 1, 443, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 53, 1e300, null]

type Input = { head: RecordHead; tail: Parameters<typeof tailJson>[0] }

function makeRecord(random: Random): Input {
  const text = () => makeText(random)
  const number = () => random.pick(NUMBERS)
  const head = {
    ...{ at: '2026-01-01T00:00:00.000Z', sandbox: text() ?? '', attempt: text(), phase: 'agent', layer: 'http' },
    ...{
      asked: text(),
      host: text(),
      port: number(),
      address: text(),
      method: text(),
      path: text(),
      verdict: 'allow',
      rule: text(),
    },
  } as RecordHead
  const tail = {
    reason: null,
    status: number(),
    bytesUp: number() ?? 0,
    bytesDown: number() ?? 0,
    ms: number(),
    policyVersion: number() ?? 0,
  }
  return { head, tail }
}

export const ledgerLines = target<Input>({
  name: 'ledger lines',
  weight: 5,
  make: makeRecord,
  check({ head, tail }) {
    const line = lineOf(7, 9, `${headJson(head)},${tailJson(tail)}`)
    must(/^[\x20-\x7e]+\n$/.test(line), 'a line is not one line of ASCII')
    must(line.length < 64 * 1024, 'a line without bounds')
    const { position, record } = JSON.parse(line) as { position: number; record: LedgerRecord }
    mustEqual(
      [position, record.seq, record.layer, record.verdict],
      [7, 9, 'http', 'allow'],
      'what the text must not touch',
    )
    mustEqual(Object.keys(record).length, 20, 'the number of members')
    for (const key of ['sandbox', 'attempt', 'asked', 'host', 'address', 'method', 'path', 'rule'] as const) {
      const kept = record[key]
      if (kept === null) continue
      must(!kept.includes('\0') && isWellFormed(kept), `${key} holds what no database takes`)
      const original = head[key] ?? ''
      must(kept.length <= (CAPS[key] ?? 512), `${key} has ${kept.length} characters`)
      if (/^[\x20-\x7e]*$/.test(original)) must(original.startsWith(kept), `${key} is not what was asked`)
    }
    for (const key of ['port', 'status', 'bytesUp', 'bytesDown', 'ms', 'policyVersion'] as const)
      must(record[key] === null || Number.isSafeInteger(record[key]), `${key} is no whole number`)
    redactQuery(head.path ?? '')
    return 'accepted'
  },
})

const CAPS: Record<string, number> = LEDGER_CAPS

const isWellFormed = (text: string) =>
  !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text)
