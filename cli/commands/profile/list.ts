import { JSON_OPTION, defineCommand } from '../../command.ts'
import { profileName, profilesFile } from '../../config.ts'
import { say, writeJson } from '../../context.ts'
import { readProfiles } from '../../profiles.ts'
import { neutraliseLine, table } from '../../terminal.ts'

export const listProfiles = defineCommand({
  name: 'profile list',
  summary: 'Lists the profiles, without their tokens, and which is in use.',
  positionals: [],
  options: { ...JSON_OPTION },
  examples: ['drydock profile list', 'drydock profile list --json'],
  run: async ({ values }, context) => {
    const { current = null, all } = readProfiles(profilesFile(context.env))
    const inUse = context.profile ?? profileName(context.env) ?? current
    const data = Object.entries(all).map(([name, { url }]) => ({ name, url, inUse: name === inUse }))
    if (values.json) writeJson(context, { data })
    else if (data.length === 0) say(context, `There are no profiles. Make one with: ${context.program} login URL`)
    else {
      const rows = data.map((each) => [each.name, neutraliseLine(each.url), each.inUse ? 'in use' : ''])
      context.out.write(`${table([['NAME', 'URL', ''], ...rows], context.out.columns)}\n`)
    }
    return 0
  },
})
