import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { usageError } from '../../errors.ts'

export const setSettings = defineCommand({
  name: 'settings set',
  summary: 'Changes settings of the installation; what is not named stays.',
  positionals: ['NAME=VALUE…'],
  options: { ...JSON_OPTION },
  notes: 'A value is JSON; one that is none is taken as text.',
  examples: [
    'drydock settings set cloudForMembers=false',
    'drydock settings set localDailyTokens=2000000 allowedModels=\'["gpt-5.5"]\'',
    'drydock settings set tasksVisibleTo=environment localMonthlyTokens=null',
  ],
  run: async ({ values, positionals }, context) => {
    const change = Object.fromEntries(positionals.map(assignment))
    const all = await (await createClient(context)).updateSettings(change)
    if (values.json) writeJson(context, all)
    else say(context, `Set ${Object.keys(change).join(', ')}. In force within seconds.`)
    return 0
  },
})

function assignment(text: string): [string, unknown] {
  const at = text.indexOf('=')
  if (at <= 0) throw usageError(`Cannot set ${JSON.stringify(text)}: write NAME=VALUE`)
  return [text.slice(0, at), valueOf(text.slice(at + 1))]
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
