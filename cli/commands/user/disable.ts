import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { findUser } from '../../resolve-name.ts'

export const disableUser = defineCommand({
  name: 'user disable',
  summary: 'Keeps a person or service account out: sessions end, tokens speak for nobody, open tasks are cancelled.',
  positionals: ['USER'],
  options: { ...JSON_OPTION },
  notes: 'USER is an id, a name or an e-mail. To let them in again: drydock user set USER --enable',
  examples: ['drydock user disable ada@example.com'],
  run: async ({ values, positionals: [user = ''] }, context) => {
    const client = await createClient(context)
    const changed = await client.updateUser((await findUser(client, user)).id, { disabled: true })
    if (values.json) writeJson(context, changed)
    else say(context, `User "${changed.name}" is disabled.`)
    return 0
  },
})
