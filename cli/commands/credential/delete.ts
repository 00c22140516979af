import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'

export const deleteCredential = defineCommand({
  name: 'credential delete',
  summary: 'Removes a credential. Rules that name it let nothing through from then on.',
  positionals: ['NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock credential delete npm'],
  run: async ({ values, positionals: [name = ''] }, context) => {
    await (await createClient(context)).deleteCredential(name)
    if (values.json) writeJson(context, { deleted: name })
    else say(context, 'The credential is gone.')
    return 0
  },
})
