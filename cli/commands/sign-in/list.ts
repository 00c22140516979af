import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine, table } from '../../terminal.ts'

export const listSignIn = defineCommand({
  name: 'sign-in list',
  summary: 'Lists where people sign in, without the secrets of the clients.',
  positionals: [],
  options: { ...JSON_OPTION },
  examples: ['drydock sign-in list', 'drydock sign-in list --json'],
  run: async ({ values }, context) => {
    const found = await (await createClient(context)).listSignInProviders()
    if (values.json) writeJson(context, found)
    else if (found.data.length === 0)
      say(context, `Nobody can sign in yet. Add a provider: ${context.program} sign-in add`)
    else {
      const rows = found.data.map(({ name, issuer, clientId, groupClaim, defaultRole, enabled }) =>
        [name, issuer, clientId, groupClaim ?? '', defaultRole, enabled ? '' : 'off'].map(neutraliseLine),
      )
      const head = ['NAME', 'ISSUER', 'CLIENT', 'GROUPS BY', 'NEW ONES', '']
      context.out.write(`${table([head, ...rows], context.out.columns)}\n`)
    }
    return 0
  },
})
