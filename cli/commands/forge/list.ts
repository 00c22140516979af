import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine, table } from '../../terminal.ts'

export const listLogins = defineCommand({
  name: 'forge list',
  summary: 'Lists who you are on forges.',
  positionals: [],
  options: { ...JSON_OPTION },
  examples: ['drydock forge list', 'drydock forge list --json'],
  run: async ({ values }, context) => {
    const found = await (await createClient(context)).listForgeLogins()
    if (values.json) writeJson(context, found)
    else if (found.data.length === 0) {
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
