import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { findGroup, findUser } from '../../resolve-name.ts'

export const removeFromGroup = defineCommand({
  name: 'group remove',
  summary: 'Takes a person out of a group.',
  positionals: ['GROUP', 'USER'],
  options: { ...JSON_OPTION },
  notes: 'GROUP is an id or a name, USER an id, a name or an e-mail.',
  examples: ['drydock group remove engineering ada@example.com'],
  run: async ({ values, positionals: [group = '', user = ''] }, context) => {
    const client = await createClient(context)
    const [found, person] = [await findGroup(client, group), await findUser(client, user)]
    await client.removeMember(found.id, person.id)
    if (values.json) writeJson(context, { group: found.id, removed: person.id })
    else say(context, `"${person.name}" is not in "${found.name}" any more.`)
    return 0
  },
})
