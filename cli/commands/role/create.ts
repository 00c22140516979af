import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { ROLE_OPTIONS, permissionsFromFlags } from '../../role-flags.ts'

export const createRole = defineCommand({
  name: 'role create',
  summary: 'Makes a role, which adds permissions to the built-in role of whoever has it.',
  positionals: ['NAME'],
  options: { ...ROLE_OPTIONS, ...JSON_OPTION },
  examples: ['drydock role create reviewers --permission reviews.manage --permission analytics.read'],
  run: async ({ values: { json, ...flags }, positionals: [name = ''] }, context) => {
    const { description } = flags
    const permissions = permissionsFromFlags(flags) ?? []
    const input = { name, permissions, ...(description !== undefined && { description }) }
    const role = await (await createClient(context)).createRole(input)
    if (json) writeJson(context, role)
    else say(context, `Role "${role.name}" is there. Give it with: ${context.program} role grant`)
    return 0
  },
})
