import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine } from '../../terminal.ts'

export const showAccess = defineCommand({
  name: 'env access',
  summary: 'Shows who may use an environment, as far as you may know.',
  positionals: ['ID|NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock env access shop', 'drydock env access shop --json'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const environment = await (await createClient(context)).readEnvironment(id)
    const { name, visibility, groups = null, collaborators = null } = environment
    if (values.json) writeJson(context, { environment: environment.id, name, visibility, groups, collaborators })
    else {
      const all = (list: readonly string[] | null) => (list === null ? 'not for you to see' : list.join(', ') || 'none')
      const rows = {
        visibility,
        groups: all(groups && groups.map((each) => each.name)),
        collaborators: all(collaborators),
      }
      const lines = Object.entries(rows).map(([key, value]) => `${key.padEnd(14)}${neutraliseLine(value)}`)
      context.out.write(`${lines.join('\n')}\n`)
      if (visibility !== 'groups' && groups?.length) say(context, 'The groups count once the visibility is "groups".')
    }
    return 0
  },
})
