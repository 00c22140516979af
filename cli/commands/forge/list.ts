import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine, table } from '../../terminal.ts'
import { USER_OPTION, namedUser } from './user-option.ts'

export const listLogins = defineCommand({
  name: 'forge list',
  summary: 'Lists who you are on forges, or who somebody else is.',
  positionals: [],
  options: { ...USER_OPTION, ...JSON_OPTION },
  examples: ['drydock forge list', 'drydock forge list --user ada@example.com --json'],
  run: async ({ values }, context) => {
    const client = await createClient(context)
    const user = await namedUser(client, values)
    const found = await client.listForgeLogins(user?.id)
    if (values.json) writeJson(context, found)
    else if (found.data.length === 0 && user !== undefined) {
      say(context, `User "${neutraliseLine(user.name)}" has linked no login.`)
    } else if (found.data.length === 0) {
      say(context, `You have linked no login. Do it with: ${context.program} forge link`)
    } else {
      const rows = found.data.map(({ host, login, id, verifiedAt }) => [
        neutraliseLine(host),
        neutraliseLine(login),
        String(id),
        verifiedAt.slice(0, 16).replace('T', ' '),
      ])
      context.out.write(`${table([['HOST', 'LOGIN', 'ID', 'VERIFIED'], ...rows], context.out.columns)}\n`)
    }
    return 0
  },
})
