import type { SignInProviderChangeJson } from '../api/schemas/sign-in.ts'
import type { Client } from './client.ts'
import type { Values } from './command.ts'
import type { CliContext } from './context.ts'
import { usageError } from './errors.ts'
import { choice, emptyAsNull, readSecret } from './flag-values.ts'
import { findGroup } from './resolve-name.ts'

/** The flags that set up where people sign in, alike for a new provider and for a change. */
export const SIGN_IN_OPTIONS = {
  'client-id': { type: 'string', value: 'ID', help: 'our client there' },
  'secret-file': { type: 'string', value: 'FILE|-', help: 'its secret; "-" reads standard input' },
  'display-name': { type: 'string', value: 'TEXT', help: 'what people read' },
  scope: { type: 'string', multiple: true, value: 'SCOPE', help: 'what is asked for (default: openid profile email)' },
  'group-claim': { type: 'string', value: 'CLAIM', help: 'the claim that names groups' },
  group: { type: 'string', multiple: true, value: 'VALUE=GROUP', help: 'who has this value in it is in that group' },
  'email-domain': { type: 'string', multiple: true, value: 'DOMAIN', help: 'lets in only addresses of it' },
  'default-role': { type: 'string', value: 'ROLE', help: 'of people who are new: member or viewer' },
} as const

type Flags = Values<typeof SIGN_IN_OPTIONS>

/** What the flags say, as the API takes it. The secret is read from its file; groups go by name or id. */
export async function signInFromFlags(
  client: Client,
  flags: Flags,
  context: CliContext,
): Promise<SignInProviderChangeJson> {
  const file = flags['secret-file']
  const change = {
    clientId: flags['client-id'],
    clientSecret: file === '' ? null : file && (await readSecret('secret-file', file, context)),
    displayName: flags['display-name'],
    scopes: flags.scope,
    groupClaim: emptyAsNull(flags['group-claim']),
    groups: flags.group && (await mappingsOf(client, flags.group)),
    emailDomains: flags['email-domain']?.filter((domain) => domain !== ''),
    defaultRole: choice('default-role', flags['default-role'], ['member', 'viewer'] as const),
  }
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined))
}

async function mappingsOf(client: Client, pairs: readonly string[]) {
  const mappings = []
  for (const pair of pairs.filter((each) => each !== '')) {
    // A value may have a "=", the name or id of a group seldom has one.
    const at = pair.lastIndexOf('=')
    if (at <= 0) throw usageError(`Cannot use --group ${JSON.stringify(pair)}: write VALUE=GROUP`)
    mappings.push({ value: pair.slice(0, at), groupId: (await findGroup(client, pair.slice(at + 1))).id })
  }
  return mappings
}
