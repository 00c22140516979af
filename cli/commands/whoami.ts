import type { MeJson } from '../../api/schemas/people.ts'
import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { styleOf, writeJson } from '../context.ts'
import { neutraliseLine } from '../terminal.ts'
import type { Style } from '../terminal.ts'

export const whoami = defineCommand({
  name: 'whoami',
  summary: 'Shows who you are for the server, and what you may do.',
  positionals: [],
  options: { ...JSON_OPTION },
  examples: ['drydock whoami', 'drydock whoami --json'],
  run: async ({ values }, context) => {
    const me = await (await createClient(context)).whoAmI()
    if (values.json) writeJson(context, me)
    else context.out.write(`${render(me, styleOf(context, context.out))}\n`)
    return 0
  },
})

function render({ name, email, role, permissions, groups, roles, scopes }: MeJson, style: Style): string {
  const names = (all: readonly { name: string }[]) => all.map((each) => each.name).join(', ')
  const rows = {
    role: [role, ...roles.map((each) => each.name)].join(', '),
    groups: names(groups) || 'none',
    'may do': permissions.join(', ') || 'look',
    token: scopes.join(', '),
  }
  const who = email === '' ? name : `${name} <${email}>`
  const lines = Object.entries(rows).map(([key, value]) => `${style('dim', key.padEnd(7))} ${neutraliseLine(value)}`)
  return [style('bold', neutraliseLine(who)), ...lines].join('\n')
}
