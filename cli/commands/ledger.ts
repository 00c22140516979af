import type { LedgerRecordJson } from '../../api/schemas/ledger.ts'
import { ATTEMPT_OPTION, pickAttempt } from '../attempts.ts'
import { createClient } from '../client.ts'
import type { Client } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, writeJson } from '../context.ts'
import type { CliContext } from '../context.ts'
import { usageError } from '../errors.ts'
import { neutraliseLine, table } from '../terminal.ts'

export const ledger = defineCommand({
  name: 'ledger',
  summary: 'Shows what a task asked of the network, and what was allowed.',
  positionals: ['TASK'],
  options: {
    ...ATTEMPT_OPTION,
    ...JSON_OPTION,
    jsonl: { type: 'boolean', help: 'print one JSON record on each line' },
  },
  examples: ['drydock ledger 0123456789abcdef', 'drydock ledger 0123456789abcdef --jsonl > ledger.jsonl'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    if (values.json && values.jsonl) throw usageError('Cannot use --json together with --jsonl')
    const client = await createClient(context)
    const attempt = pickAttempt(await client.readTask(id), values.attempt)
    if (values.json) {
      const data: LedgerRecordJson[] = []
      for await (const page of pagesOf(client, attempt.id)) data.push(...page)
      writeJson(context, { data, next: null })
      return 0
    }
    let count = 0
    for await (const page of pagesOf(client, attempt.id)) {
      if (values.jsonl) for (const record of page) writeJson(context, record)
      else if (page.length > 0) writeTable(page, { isFirst: count === 0, context })
      count += page.length
    }
    if (count === 0) say(context, 'Nothing: the attempt asked nothing of the network, or it was off.')
    return 0
  },
})

async function* pagesOf(client: Client, attempt: string): AsyncGenerator<LedgerRecordJson[]> {
  let after: string | undefined
  do {
    const page = await client.readLedger(attempt, after)
    yield page.data
    after = page.next ?? undefined
  } while (after !== undefined)
}

const HEADINGS = ['SEQ', 'VERDICT', 'LAYER', 'METHOD', 'HOST', 'STATUS', 'REASON', 'PATH']

function writeTable(
  page: readonly LedgerRecordJson[],
  { isFirst, context }: { isFirst: boolean; context: CliContext },
): void {
  const rows = table([HEADINGS, ...page.map(rowOf)], context.out.columns)
  context.out.write(`${isFirst ? rows : rows.slice(rows.indexOf('\n') + 1)}\n`)
}

function rowOf(record: LedgerRecordJson): string[] {
  const { seq, verdict, layer, method, host, asked, port, status, reason, path } = record
  // What is no name is shown as it was asked for.
  const name = `${host ?? asked ?? ''}${port === null || port === 443 || port === 80 ? '' : `:${port}`}`
  const cells = [seq, verdict, layer, method, name, status, reason, path]
  return cells.map((value) => (value === null ? '' : neutraliseLine(String(value))))
}
