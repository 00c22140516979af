import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine, table } from '../../terminal.ts'

export const listGroups = defineCommand({
  name: 'group list',
  summary: 'Lists the groups that you see.',
  positionals: [],
  options: { ...JSON_OPTION },
  notes: 'Who is in which: drydock user list',
  examples: ['drydock group list', 'drydock group list --json'],
  run: async ({ values }, context) => {
    const found = await (await createClient(context)).listGroups()
    if (values.json) writeJson(context, found)
    else if (found.data.length === 0) say(context, 'There are no groups that you see.')
    else {
      const rows = found.data.map(({ id, name, description }) => [id, name, description].map(neutraliseLine))
      context.out.write(`${table([['ID', 'NAME', 'DESCRIPTION'], ...rows], context.out.columns)}\n`)
    }
    return 0
  },
})
