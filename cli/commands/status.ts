import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { styleOf, writeJson } from '../context.ts'
import { renderTask } from '../render-task.ts'

export const status = defineCommand({
  name: 'status',
  summary: 'Shows a task: its attempts, phases, changes and publishing.',
  positionals: ['TASK'],
  options: { ...JSON_OPTION },
  examples: ['drydock status 0123456789abcdef', 'drydock status 0123456789abcdef --json'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const task = await (await createClient(context)).readTask(id)
    if (values.json) writeJson(context, task)
    else context.out.write(`${renderTask(task, styleOf(context, context.out))}\n`)
    return 0
  },
})
