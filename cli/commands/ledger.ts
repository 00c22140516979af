import type { LedgerJson, LedgerRecordJson } from '../../api/schemas/ledger.ts'
import { ATTEMPT_OPTION, pickAttempt } from '../attempts.ts'
import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, writeJson } from '../context.ts'
import type { CliContext } from '../context.ts'
import { usageError } from '../errors.ts'
import { neutraliseLine, table } from '../terminal.ts'

export const ledger = defineCommand({
  name: 'ledger',
  summary: 'Shows what a task asked of the network, and what was allowed.',
  positionals: ['[TASK]'],
  options: {
    ...ATTEMPT_OPTION,
    env: { type: 'string', value: 'NAME', help: "that of the environment's set-up that ran in the background" },
    ...JSON_OPTION,
    jsonl: { type: 'boolean', help: 'print one JSON record on each line' },
  },
  examples: [
    'drydock ledger 0123456789abcdef',
    'drydock ledger 0123456789abcdef --jsonl > ledger.jsonl',
    'drydock ledger --env app',
  ],
  run: async ({ values, positionals: [task] }, context) => {
    if (values.json && values.jsonl) throw usageError('Cannot use --json together with --jsonl')
    const pages = pagesOf(await pageReader({ task, env: values.env, attempt: values.attempt }, context))
    if (values.json) {
      const data: LedgerRecordJson[] = []
      for await (const page of pages) data.push(...page)
      writeJson(context, { data, next: null })
      return 0
    }
    let count = 0
    for await (const page of pages) {
      if (values.jsonl) for (const record of page) writeJson(context, record)
      else if (page.length > 0) writeTable(page, { isFirst: count === 0, context })
      count += page.length
    }
    const who = values.env === undefined ? 'the attempt' : 'set-up in the background'
    if (count === 0) say(context, `Nothing: ${who} asked nothing of the network, or it was off.`)
    return 0
  },
})

type Asked = { task: string | undefined; env: string | undefined; attempt: string | undefined }
type PageReader = (after?: string) => Promise<LedgerJson>

/** Reads pages of what was asked for: a task's attempt or an environment. */
async function pageReader({ task, env, attempt }: Asked, context: CliContext): Promise<PageReader> {
  const client = await createClient(context)
  if (env !== undefined) {
    if (task !== undefined || attempt !== undefined) throw usageError('Cannot use --env together with a task')
    return (after) => client.readBuildLedger(env, after)
  }
  if (task === undefined) throw usageError('Cannot show a ledger: name a task, or an environment with --env')
  const { id } = pickAttempt(await client.readTask(task), attempt)
  return (after) => client.readLedger(id, after)
}

async function* pagesOf(read: PageReader): AsyncGenerator<LedgerRecordJson[]> {
  let after: string | undefined
  do {
    const page = await read(after)
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
