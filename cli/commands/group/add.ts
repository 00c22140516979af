import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { findGroup, findUser } from '../../resolve-name.ts'

export const addToGroup = defineCommand({
  name: 'group add',
  summary: 'Puts a person into a group.',
  positionals: ['GROUP', 'USER'],
  options: { ...JSON_OPTION },
  notes: 'GROUP is an id or a name, USER an id, a name or an e-mail.',
  examples: ['drydock group add engineering ada@example.com'],
  run: async ({ values, positionals: [group = '', user = ''] }, context) => {
    const client = await createClient(context)
    const [{ id }, person] = [await findGroup(client, group), await findUser(client, user)]
    const changed = await client.addMember(id, person.id)
    if (values.json) writeJson(context, changed)
    else say(context, `"${person.name}" is in "${changed.name}".`)
    return 0
  },
})
