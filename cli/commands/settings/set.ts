import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'

export const setSettings = defineCommand({
  name: 'settings set',
  summary: 'Changes a setting of the installation.',
  positionals: ['NAME', 'VALUE'],
  options: { ...JSON_OPTION },
  notes: 'A value is JSON; one that is none is taken as text.',
  examples: [
    'drydock settings set cloudForMembers false',
    'drydock settings set localDailyTokens 2000000',
    'drydock settings set allowedModels \'["gpt-5.5"]\'',
  ],
  run: async ({ values, positionals: [name = '', value = ''] }, context) => {
    const all = await (await createClient(context)).updateSettings({ [name]: valueOf(value) })
    if (values.json) writeJson(context, all)
    else say(context, `${name} is ${JSON.stringify(all[name])} now. It is in force within seconds.`)
    return 0
  },
})

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
