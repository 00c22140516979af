import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'

export const removeSignIn = defineCommand({
  name: 'sign-in remove',
  summary: 'Removes a provider, and signs out all who came by it. Who they are stays known, should it come back.',
  positionals: ['NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock sign-in remove company'],
  run: async ({ values, positionals: [name = ''] }, context) => {
    await (await createClient(context)).deleteSignInProvider(name)
    if (values.json) writeJson(context, { deleted: name })
    else say(context, 'The sign-in provider is gone.')
    return 0
  },
})
