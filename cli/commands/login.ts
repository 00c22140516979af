import { hostname } from 'node:os'
import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import type { Values } from '../command.ts'
import { DEFAULT_URL, isThisMachine, parseUrl, profileName, profilesFile } from '../config.ts'
import type { ClientConfig } from '../config.ts'
import { say, writeJson } from '../context.ts'
import type { CliContext } from '../context.ts'
import { signInByDevice } from '../device-login.ts'
import { usageError } from '../errors.ts'
import { assertProfileName, readProfiles, withProfile, writeProfiles } from '../profiles.ts'
import type { Profile } from '../profiles.ts'
import { revokeToken } from '../revoke-token.ts'
import { neutraliseLine } from '../terminal.ts'

const MAX_NAME = 100
const OPTIONS = {
  profile: { type: 'string', value: 'NAME', help: 'where to keep the token (default: DRYDOCK_PROFILE, or "default")' },
  admin: { type: 'boolean', help: 'ask for a token that may also administer' },
  token: { type: 'string', value: '-', help: 'take a token from standard input, as --token-stdin' },
  'token-stdin': { type: 'boolean', help: 'take a token that you have, from standard input' },
  ...JSON_OPTION,
} as const

export const login = defineCommand({
  name: 'login',
  summary: 'Signs in at a server: it shows a code, which you confirm in a browser. The token is kept in a profile.',
  positionals: ['[URL]'],
  options: OPTIONS,
  notes: [
    'Without URL it is that of the profile, of DRYDOCK_URL, or http://127.0.0.1:7070. The profile is then in use; choose',
    'another with --profile NAME at any command, DRYDOCK_PROFILE, or "drydock profile use". DRYDOCK_URL and DRYDOCK_TOKEN win.',
  ].join('\n'),
  examples: [
    'drydock login https://drydock.example.com',
    'drydock login https://drydock.example.com --profile work --admin',
    'pass show drydock-token | drydock login https://drydock.example.com --token-stdin',
  ],
  run: async ({ values, positionals: [urlText] }, context) => {
    const name = values.profile ?? context.profile ?? profileName(context.env) ?? 'default'
    assertProfileName(name)
    const file = profilesFile(context.env)
    const before = readProfiles(file).all[name]
    const url = parseUrl(urlText ?? context.env.DRYDOCK_URL ?? before?.url ?? DEFAULT_URL, 'URL')
    const config = { url, token: undefined, tokenFile: '' }
    warnOfPlain(url, context)
    const { token, tokenId } = await tokenFor(config, values, context)
    const me = await (await createClient({ ...context, config: () => ({ ...config, token }) })).whoAmI()
    writeProfiles(file, withProfile(readProfiles(file), name, { url: url.href, token, ...(tokenId && { tokenId }) }))
    if (before?.token !== token) await forget(before, context)
    if (values.json) writeJson(context, { profile: name, url: url.href, user: { id: me.id, name: me.name } })
    else say(context, `You are ${neutraliseLine(me.name)} at ${url.origin}, by profile "${name}".`)
    const winning = ['DRYDOCK_URL', 'DRYDOCK_TOKEN'].filter((variable) => context.env[variable])
    if (winning.length > 0) say(context, `${winning.join(' and ')} of the environment will still win over it.`)
    return 0
  },
})

/** What the profile had before is of no use to anybody who means well. */
async function forget(before: Profile | undefined, context: CliContext): Promise<void> {
  const refused = before && (await revokeToken(before, context))
  if (refused) say(context, `The token that the profile had before stays valid. ${refused.message}`)
}

type Got = { token: string; tokenId?: string }

async function tokenFor(config: ClientConfig, values: Values<typeof OPTIONS>, context: CliContext): Promise<Got> {
  if (values.token !== undefined && values.token !== '-') {
    throw usageError('Cannot use --token: others of this machine see arguments. Use --token-stdin')
  }
  if (values.token === '-' || values['token-stdin']) return { token: await readToken(context) }
  const client = `drydock on ${hostname()}`.replace(/\p{Cc}/gu, '').slice(0, MAX_NAME)
  const scopes = ['read', 'write', ...(values.admin ? ['admin' as const] : [])] as ('read' | 'write' | 'admin')[]
  const { id: tokenId, token } = await signInByDevice(config, { client, scopes }, context)
  return { token, tokenId }
}

async function readToken({ stdin }: CliContext): Promise<string> {
  const token = (stdin.isTerminal ? await stdin.ask('Token (not shown): ') : await stdin.read()).trim()
  // What is no token would be an odd header, and an odder message of it.
  if (/^[\x21-\x7e]{1,200}$/.test(token)) return token
  throw usageError('Cannot sign in: standard input holds no token')
}

function warnOfPlain(url: URL, context: CliContext): void {
  if (url.protocol === 'https:' || isThisMachine(url)) return
  say(context, `The way to ${url.origin} is not encrypted: whoever is on it can read the token.`)
}
