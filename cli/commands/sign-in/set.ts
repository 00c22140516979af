import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { assertNamesChange, usageError } from '../../errors.ts'
import { SIGN_IN_OPTIONS, signInFromFlags } from '../../sign-in-flags.ts'

export const setSignIn = defineCommand({
  name: 'sign-in set',
  summary: 'Changes a provider where people sign in; what is not named stays.',
  positionals: ['NAME'],
  options: {
    ...SIGN_IN_OPTIONS,
    enable: { type: 'boolean', help: 'let people sign in with it' },
    disable: { type: 'boolean', help: 'turn it off, and sign out all who came by it' },
    ...JSON_OPTION,
  },
  notes: 'An empty value takes away what was there: --secret-file "", --group-claim "", --group "", --email-domain ""',
  examples: ['drydock sign-in set company --secret-file new.txt', 'drydock sign-in set company --disable'],
  run: async ({ values: { enable, disable, json, ...flags }, positionals: [name = ''] }, context) => {
    if (enable && disable) throw usageError('Cannot use --enable together with --disable')
    const client = await createClient(context)
    const enabled = enable ? { enabled: true } : disable ? { enabled: false } : {}
    const change = { ...(await signInFromFlags(client, flags, context)), ...enabled }
    assertNamesChange('sign-in set', change)
    const provider = await client.updateSignInProvider(name, change)
    if (json) writeJson(context, provider)
    else say(context, `Sign-in provider "${provider.name}" is changed${provider.enabled ? '' : ', and off'}.`)
    return 0
  },
})
