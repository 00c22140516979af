import { JSON_OPTION, defineCommand } from '../../command.ts'
import { profilesFile } from '../../config.ts'
import { say, writeJson } from '../../context.ts'
import { chooseProfile, readProfiles, writeProfiles } from '../../profiles.ts'

export const useProfile = defineCommand({
  name: 'profile use',
  summary: 'Says which profile commands use that name none.',
  positionals: ['NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock profile use work'],
  run: async ({ values, positionals: [name = ''] }, context) => {
    const file = profilesFile(context.env)
    const profiles = readProfiles(file)
    const url = chooseProfile(profiles, name)?.url ?? ''
    writeProfiles(file, { ...profiles, current: name })
    if (values.json) writeJson(context, { profile: name, url })
    else say(context, `Profile "${name}" is in use.`)
    return 0
  },
})
