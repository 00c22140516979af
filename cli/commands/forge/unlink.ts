import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine } from '../../terminal.ts'
import { USER_OPTION, namedUser } from './user-option.ts'

export const unlinkLogin = defineCommand({
  name: 'forge unlink',
  summary: 'Lets the server forget who you are on a forge.',
  positionals: ['HOST'],
  options: { ...USER_OPTION, ...JSON_OPTION },
  notes:
    'Where an environment lets only people publish whose login is linked, they do not publish from then on; where it lets\n' +
    'others publish, too, the forge is not asked about them any more.',
  examples: ['drydock forge unlink github.com', 'drydock forge unlink github.com --user ada@example.com'],
  run: async ({ values, positionals: [host = ''] }, context) => {
    const client = await createClient(context)
    const user = await namedUser(client, values)
    await client.unlinkForgeLogin(host, user?.id)
    const whose = user === undefined ? 'Your login' : `The login of "${neutraliseLine(user.name)}"`
    if (values.json) writeJson(context, { unlinked: host })
    else say(context, `${whose} on ${neutraliseLine(host)} is not linked any more.`)
    return 0
  },
})
