import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { usageError } from '../../errors.ts'
import { SIGN_IN_OPTIONS, signInFromFlags } from '../../sign-in-flags.ts'

export const addSignIn = defineCommand({
  name: 'sign-in add',
  summary: 'Adds an OpenID Connect provider where people sign in.',
  positionals: ['NAME'],
  options: {
    issuer: { type: 'string', value: 'URL', help: 'the issuer; it never changes' },
    ...SIGN_IN_OPTIONS,
    ...JSON_OPTION,
  },
  notes: [
    '--issuer and --client-id are needed. Register PUBLIC_URL/auth/callback/NAME as the redirect address at the issuer.',
    'In names of claims, "." leads into an object: --group-claim realm_access.roles',
  ].join('\n'),
  examples: [
    'drydock sign-in add company --issuer https://id.example.com --client-id drydock --secret-file secret.txt',
    'drydock sign-in add kc --issuer https://id.example.com/realms/x --client-id drydock --group-claim realm_access.roles --group devs=engineering',
  ],
  run: async ({ values: { issuer, json, ...flags }, positionals: [name = ''] }, context) => {
    if (issuer === undefined || flags['client-id'] === undefined) {
      const missing = issuer === undefined ? 'issuer' : 'client-id'
      throw usageError(`Cannot run "sign-in add": --${missing} is missing. See: drydock sign-in add --help`)
    }
    const client = await createClient(context)
    const settings = await signInFromFlags(client, flags, context)
    const provider = await client.createSignInProvider({ ...settings, name, issuer, clientId: flags['client-id'] })
    if (json) writeJson(context, provider)
    else say(context, `People can sign in with "${provider.name}" now.`)
    return 0
  },
})
