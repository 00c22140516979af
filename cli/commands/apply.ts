import { applyPatch } from '../apply-patch.ts'
import { ATTEMPT_OPTION, REPOSITORY_OPTION, pickAttempt, pickChange } from '../attempts.ts'
import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, writeJson } from '../context.ts'
import { warnFlagged } from '../patch.ts'
import { diffText } from '../render-task.ts'

export const apply = defineCommand({
  name: 'apply',
  summary: 'Applies the changes of a task to the git work tree that you are in: all of them, or none.',
  positionals: ['TASK'],
  options: {
    ...ATTEMPT_OPTION,
    ...REPOSITORY_OPTION,
    '3way': { type: 'boolean', help: 'merge where the files have moved on; the index is changed, too' },
    ...JSON_OPTION,
  },
  notes: 'No hook runs, nothing is committed.',
  examples: ['drydock apply 0123456789abcdef', 'drydock apply 0123456789abcdef --attempt 2 --3way'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const client = await createClient(context)
    const task = await client.readTask(id)
    const attempt = pickAttempt(task, values.attempt)
    const { diff, flagged } = pickChange(attempt, values.repository)
    const patch = await client.readPatch(attempt.id, values.repository)
    const top =
      patch.length === 0 ? null : await applyPatch(patch, { cwd: context.cwd, threeWay: values['3way'] === true })
    if (values.json) {
      writeJson(context, { task: task.id, attempt: attempt.id, applied: top !== null, workTree: top, diff, flagged })
      return 0
    }
    warnFlagged({ flagged }, context)
    say(
      context,
      top === null ? 'The attempt made no changes.' : `Applied to ${top}${diff === null ? '' : `: ${diffText(diff)}`}`,
    )
    return 0
  },
})
