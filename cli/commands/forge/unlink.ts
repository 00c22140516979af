import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine } from '../../terminal.ts'

export const unlinkLogin = defineCommand({
  name: 'forge unlink',
  summary: 'Lets the server forget who you are on a forge.',
  positionals: ['HOST'],
  options: { ...JSON_OPTION },
  notes: 'Where an environment lets only people publish whose login is linked, you do not publish from then on.',
  examples: ['drydock forge unlink github.com'],
  run: async ({ values, positionals: [host = ''] }, context) => {
    await (await createClient(context)).unlinkForgeLogin(host)
    if (values.json) writeJson(context, { unlinked: host })
    else say(context, `Your login on ${neutraliseLine(host)} is not linked any more.`)
    return 0
  },
})
