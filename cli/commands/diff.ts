import { ATTEMPT_OPTION, pickAttempt } from '../attempts.ts'
import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, styleOf, writeJson } from '../context.ts'
import { colourPatch, patchJson, warnFlagged } from '../patch.ts'

export const diff = defineCommand({
  name: 'diff',
  summary: 'Prints the changes of a task as a patch: coloured on a terminal, byte for byte into a pipe or file.',
  positionals: ['TASK'],
  options: { ...ATTEMPT_OPTION, ...JSON_OPTION },
  examples: ['drydock diff 0123456789abcdef', 'drydock diff 0123456789abcdef --attempt 2 > change.patch'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const client = await createClient(context)
    const task = await client.readTask(id)
    const attempt = pickAttempt(task, values.attempt)
    const patch = await client.readPatch(attempt.id)
    if (values.json) {
      const { diff, flagged } = attempt
      writeJson(context, { task: task.id, attempt: attempt.id, diff, flagged, ...patchJson(patch) })
      return 0
    }
    warnFlagged(attempt, context)
    if (patch.length === 0) say(context, 'The attempt made no changes.')
    else if (context.out.isTerminal) context.out.write(colourPatch(patch, styleOf(context, context.out)))
    else context.out.write(patch)
    return 0
  },
})
