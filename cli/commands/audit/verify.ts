import type { AuditVerdictJson } from '../../../api/schemas/audit.ts'
import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'

export const verifyAudit = defineCommand({
  name: 'audit verify',
  summary: 'Follows the chain of the audit log and says where it is broken.',
  positionals: [],
  options: {
    checkpoint: {
      type: 'string',
      value: 'SEQ:HASH',
      help: 'an entry that was noted elsewhere; it must be there as it was',
    },
    ...JSON_OPTION,
  },
  notes: [
    'Prints the last entry as SEQ:HASH. Keep it where nobody can change it who can change the database: whoever can',
    'write the whole table can write a chain that holds, and only a checkpoint shows it. Exits with 1 on a broken chain.',
  ].join('\n'),
  examples: ['drydock audit verify', 'drydock audit verify --checkpoint 1042:3f9c… --json'],
  run: async ({ values: { checkpoint, json } }, context) => {
    const client = await createClient(context)
    let checked = 0
    let from: string | undefined
    let verdict: AuditVerdictJson
    do {
      verdict = await client.verifyAudit({ from, checkpoint })
      checked += verdict.checked
      from = pointOf(verdict)
    } while (!verdict.done)
    const { broken, anchor } = verdict
    if (json) writeJson(context, { ok: broken === null, broken, checked, last: from, anchor })
    else if (broken === null) {
      context.out.write(`${from}\n`)
      say(
        context,
        `The chain holds: ${checked} entries${anchor.seq > 0 ? ` after ${anchor.seq} that retention removed` : ''}.`,
      )
    } else
      say(
        context,
        `The chain is broken at entry ${broken.seq}: ${WHY[broken.why]}. Before it, ${checked} entries hold.`,
      )
    return broken === null ? 0 : 1
  },
})

const pointOf = ({ last }: AuditVerdictJson) => `${last.seq}:${last.hash}`

const WHY: Record<NonNullable<AuditVerdictJson['broken']>['why'], string> = {
  changed: 'it is not what its hash says',
  missing: 'it is not there',
  'broken-link': 'it does not follow the one before it',
  truncated: 'it and all after it are gone',
  unfinished: 'it stands after the end of the chain',
  anchor: 'what was removed before it was not removed by retention',
  checkpoint: 'it is not the one of the checkpoint, or retention removed it',
}
