import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { writeJson } from '../../context.ts'
import { neutraliseLine, table } from '../../terminal.ts'

export const listUsers = defineCommand({
  name: 'user list',
  summary: 'Lists people and service accounts, with their roles and groups.',
  positionals: [],
  options: { ...JSON_OPTION },
  examples: ['drydock user list', 'drydock user list --json'],
  run: async ({ values }, context) => {
    const found = await (await createClient(context)).listUsers()
    if (values.json) writeJson(context, found)
    else {
      const names = (all: readonly { name: string }[]) => all.map((each) => each.name).join(', ')
      const rows = found.data.map(({ id, name, email, kind, role, roles, groups, disabled }) =>
        [
          ...[id, name, email, [role, ...roles.map((each) => each.name)].join(', '), names(groups)],
          disabled ? 'disabled' : kind === 'service' ? 'service' : '',
        ].map(neutraliseLine),
      )
      context.out.write(`${table([['ID', 'NAME', 'E-MAIL', 'ROLE', 'GROUPS', ''], ...rows], context.out.columns)}\n`)
    }
    return 0
  },
})
