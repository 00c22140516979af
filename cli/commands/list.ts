import type { TaskPageJson } from '../../api/schemas/task.ts'
import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, styleOf, writeJson } from '../context.ts'
import { stateText } from '../render-task.ts'
import { neutraliseLine, table } from '../terminal.ts'

export const list = defineCommand({
  name: 'list',
  summary: 'Lists tasks, newest first.',
  positionals: [],
  options: {
    env: { type: 'string', value: 'ID|NAME', help: 'only tasks of this environment' },
    state: { type: 'string', value: 'STATE', help: 'only tasks in this state: queued, running, succeeded, failed, …' },
    limit: { type: 'string', value: 'N', help: 'how many (default 50, at most 100)' },
    cursor: { type: 'string', value: 'CURSOR', help: 'the next page, from nextCursor of the one before' },
    ...JSON_OPTION,
  },
  examples: ['drydock list', 'drydock list --env shop --state failed', 'drydock list --json'],
  run: async ({ values }, context) => {
    const client = await createClient(context)
    const { env, state, limit, cursor } = values
    const page = await client.listTasks({
      ...(env !== undefined && { environment: env }),
      ...(state !== undefined && { state }),
      ...(limit !== undefined && { limit }),
      ...(cursor !== undefined && { cursor }),
    })
    if (values.json) writeJson(context, page)
    else if (page.data.length === 0) say(context, 'There are no tasks.')
    else context.out.write(`${render(page, context.out.columns)}\n`)
    if (!values.json && page.nextCursor !== null) say(context, `More: --cursor ${page.nextCursor}`)
    return 0

    function render({ data }: TaskPageJson, columns: number): string {
      const style = styleOf(context, context.out)
      const rows = data.map((task) => [
        task.id,
        task.state,
        task.mode,
        neutraliseLine(task.environmentName),
        task.createdAt.slice(0, 16).replace('T', ' '),
        neutraliseLine(task.title),
      ])
      const text = table([['TASK', 'STATE', 'MODE', 'ENVIRONMENT', 'CREATED', 'TITLE'], ...rows], columns)
      // Colours come last: they have no width.
      return text
        .split('\n')
        .map((line, i) =>
          line.replace(data[i - 1]?.state ?? /^\S+$/, (found) => (i === 0 ? found : stateText(found, style))),
        )
        .join('\n')
    }
  },
})
