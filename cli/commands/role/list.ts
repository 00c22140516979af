import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine, table } from '../../terminal.ts'

export const listRoles = defineCommand({
  name: 'role list',
  summary: 'Lists the roles beside the built-in ones, and what they give.',
  positionals: [],
  options: { ...JSON_OPTION },
  examples: ['drydock role list', 'drydock role list --json'],
  run: async ({ values }, context) => {
    const found = await (await createClient(context)).listRoles()
    if (values.json) writeJson(context, found)
    else if (found.data.length === 0) say(context, 'There are no roles but owner, admin, member and viewer.')
    else {
      const rows = found.data.map(({ id, name, permissions }) => [id, neutraliseLine(name), permissions.join(', ')])
      context.out.write(`${table([['ID', 'NAME', 'GIVES'], ...rows], context.out.columns)}\n`)
    }
    return 0
  },
})
