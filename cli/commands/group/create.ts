import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'

export const createGroup = defineCommand({
  name: 'group create',
  summary: 'Makes a group of people, for environments and roles.',
  positionals: ['NAME'],
  options: { description: { type: 'string', value: 'TEXT', help: 'what it is for' }, ...JSON_OPTION },
  examples: ['drydock group create engineering'],
  run: async ({ values: { description, json }, positionals: [name = ''] }, context) => {
    const input = { name, ...(description !== undefined && { description }) }
    const group = await (await createClient(context)).createGroup(input)
    if (json) writeJson(context, group)
    else say(context, `Group "${group.name}" is there. Add people with: ${context.program} group add`)
    return 0
  },
})
