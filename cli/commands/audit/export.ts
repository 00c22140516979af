import { AUDIT_FILTER, filterOf } from '../../audit-flags.ts'
import { createClient } from '../../client.ts'
import { defineCommand } from '../../command.ts'
import { escapeUnsafe } from '../../terminal.ts'

export const exportAudit = defineCommand({
  name: 'audit export',
  summary: 'Prints the audit log, oldest first, one JSON entry on each line.',
  positionals: [],
  options: AUDIT_FILTER,
  notes: 'That it was exported, by whom and which part, becomes an entry itself.',
  examples: ['drydock audit export > audit.jsonl', 'drydock audit export --since 2030-01-01T00:00:00Z'],
  run: async ({ values }, context) => {
    const client = await createClient(context)
    const decoder = new TextDecoder()
    const chunks: AsyncIterable<Uint8Array> = await client.exportAudit(filterOf(values))
    for await (const bytes of chunks) {
      context.out.write(escapeUnsafe(decoder.decode(bytes, { stream: true })))
    }
    return 0
  },
})
