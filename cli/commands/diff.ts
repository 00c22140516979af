import type { AttemptJson } from '../../api/schemas/task.ts'
import { ATTEMPT_OPTION, REPOSITORY_OPTION, pickAttempt, pickChange } from '../attempts.ts'
import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, styleOf, writeJson } from '../context.ts'
import type { CliContext } from '../context.ts'
import { colourPatch, patchJson, warnFlagged } from '../patch.ts'
import { diffText } from '../render-task.ts'

export const diff = defineCommand({
  name: 'diff',
  summary: 'Prints the changes of a task as a patch: coloured on a terminal, byte for byte into a pipe or file.',
  positionals: ['TASK'],
  options: { ...ATTEMPT_OPTION, ...REPOSITORY_OPTION, ...JSON_OPTION },
  examples: [
    'drydock diff 0123456789abcdef',
    'drydock diff 0123456789abcdef --attempt 2 > change.patch',
    'drydock diff 0123456789abcdef --repository api',
  ],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const client = await createClient(context)
    const task = await client.readTask(id)
    const attempt = pickAttempt(task, values.attempt)
    const { repository } = values
    const { diff, flagged } = pickChange(attempt, repository)
    const patch = await client.readPatch(attempt.id, repository)
    if (values.json) {
      writeJson(context, { task: task.id, attempt: attempt.id, diff, flagged, ...patchJson(patch) })
      return 0
    }
    warnFlagged({ flagged }, context)
    if (repository === undefined) tellOthers(attempt, context)
    if (patch.length === 0) say(context, `The attempt made no changes${attempt.changes ? ' here' : ''}.`)
    else if (context.out.isTerminal) context.out.write(colourPatch(patch, styleOf(context, context.out)))
    else context.out.write(patch)
    return 0
  },
})

/** Whoever reads the patch of the first repository must know of the others. */
function tellOthers({ changes = [] }: AttemptJson, context: CliContext): void {
  const changed = changes.slice(1).filter(({ stats }) => stats.files > 0)
  if (changed.length === 0) return
  const listed = changed.map(({ repository, stats }) => `${repository} (${diffText(stats)})`).join(', ')
  say(context, `Changed, too: ${listed}. Look with: --repository NAME`)
}
