import { ATTEMPT_OPTION, pickAttempt } from '../attempts.ts'
import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, writeJson } from '../context.ts'
import { neutraliseLine, table } from '../terminal.ts'

export const ledger = defineCommand({
  name: 'ledger',
  summary: 'Shows what a task asked of the network, and what was allowed.',
  positionals: ['TASK'],
  options: { ...ATTEMPT_OPTION, ...JSON_OPTION },
  examples: ['drydock ledger 0123456789abcdef', 'drydock ledger 0123456789abcdef --json'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const client = await createClient(context)
    const attempt = pickAttempt(await client.readTask(id), values.attempt)
    const found = await client.readLedger(attempt.id)
    if (values.json) {
      writeJson(context, found)
      return 0
    }
    if (found.data.length === 0) say(context, 'Nothing: the attempt asked nothing of the network, or it was off.')
    else context.out.write(`${table([HEADINGS, ...found.data.map(rowOf)], context.out.columns)}\n`)
    return 0
  },
})

const HEADINGS = ['SEQ', 'VERDICT', 'LAYER', 'METHOD', 'HOST', 'STATUS', 'REASON', 'PATH']

function rowOf(record: Record<string, unknown>): string[] {
  const names = ['seq', 'verdict', 'layer', 'method', 'host', 'status', 'reason', 'path']
  return names.map((name) => {
    const value = record[name]
    return typeof value === 'string' || typeof value === 'number' ? neutraliseLine(String(value)) : ''
  })
}
