import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine, table } from '../../terminal.ts'

export const listCredentials = defineCommand({
  name: 'credential list',
  summary: 'Lists the credentials, without their values.',
  positionals: [],
  options: { ...JSON_OPTION },
  examples: ['drydock credential list', 'drydock credential list --json'],
  run: async ({ values }, context) => {
    const found = await (await createClient(context)).listCredentials()
    if (values.json) writeJson(context, found)
    else if (found.data.length === 0) say(context, 'There are no credentials.')
    else {
      const rows = found.data.map(({ name, header, updatedAt }) => [
        neutraliseLine(name),
        neutraliseLine(header),
        updatedAt.slice(0, 16).replace('T', ' '),
      ])
      context.out.write(`${table([['NAME', 'HEADER', 'SET'], ...rows], context.out.columns)}\n`)
    }
    return 0
  },
})
