import { JSON_OPTION, defineCommand } from '../command.ts'
import { profileName, profilesFile } from '../config.ts'
import { say, writeJson } from '../context.ts'
import { usageError } from '../errors.ts'
import { chooseProfile, readProfiles, withoutProfile, writeProfiles } from '../profiles.ts'
import { revokeToken } from '../revoke-token.ts'

export const logout = defineCommand({
  name: 'logout',
  summary: 'Removes a profile with its token, and has the server revoke that, if "drydock login" had made it.',
  positionals: [],
  options: {
    profile: { type: 'string', value: 'NAME', help: 'which one (default: the one in use)' },
    ...JSON_OPTION,
  },
  examples: ['drydock logout', 'drydock logout --profile work'],
  run: async ({ values }, context) => {
    const file = profilesFile(context.env)
    const wanted = values.profile ?? context.profile ?? profileName(context.env)
    const profile = chooseProfile(readProfiles(file), wanted)
    if (profile === undefined) throw usageError('Cannot sign out: no profile is in use', 'profile-not-found')
    const refused = await revokeToken(profile, context)
    // Whatever the server said, the token is off this machine.
    writeProfiles(file, withoutProfile(readProfiles(file), profile.name))
    const isRevoked = profile.tokenId !== undefined && refused === undefined
    if (values.json) writeJson(context, { profile: profile.name, revoked: isRevoked })
    else say(context, `Profile "${profile.name}" is gone${isRevoked ? ', and its token revoked' : ''}.`)
    if (profile.tokenId === undefined) say(context, 'Its token was made elsewhere, and stays valid.')
    if (refused !== undefined) say(context, `Its token stays valid. ${refused.message}`)
    return refused === undefined ? 0 : 1
  },
})
