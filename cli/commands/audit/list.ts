import type { AuditEntryJson } from '../../../api/schemas/audit.ts'
import { AUDIT_FILTER, filterOf } from '../../audit-flags.ts'
import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine, table } from '../../terminal.ts'

export const listAudit = defineCommand({
  name: 'audit list',
  summary: 'Lists who did what, newest first.',
  positionals: [],
  options: {
    ...AUDIT_FILTER,
    limit: { type: 'string', value: 'N', help: 'so many, at most 500 (default 50)' },
    cursor: { type: 'string', value: 'SEQ', help: 'those before this number' },
    ...JSON_OPTION,
  },
  examples: ['drydock audit list', 'drydock audit list --action environment.update --target app --json'],
  run: async ({ values }, context) => {
    const client = await createClient(context)
    const page = await client.listAudit({ ...filterOf(values), limit: values.limit, cursor: values.cursor })
    if (values.json) writeJson(context, page)
    else if (page.data.length === 0) say(context, 'Nothing.')
    else context.out.write(`${table([HEADINGS, ...page.data.map(rowOf)], context.out.columns)}\n`)
    if (!values.json && page.nextCursor !== null) say(context, `Older ones: --cursor ${page.nextCursor}`)
    return 0
  },
})

const HEADINGS = ['SEQ', 'AT', 'WHO', 'ACTION', 'WHAT', 'BEFORE', 'AFTER']

function rowOf({ seq, at, actor, action, target, before, after }: AuditEntryJson): string[] {
  const fields = [before, after].map((value) => (value === null ? '' : JSON.stringify(value)))
  const cells = [String(seq), at.slice(0, 19), actor.name, action, `${target.kind} ${target.name}`, ...fields]
  return cells.map(neutraliseLine)
}
