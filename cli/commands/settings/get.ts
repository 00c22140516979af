import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { writeJson } from '../../context.ts'
import { usageError } from '../../errors.ts'

export const getSettings = defineCommand({
  name: 'settings get',
  summary: 'Shows the settings of the installation, or one of them.',
  positionals: ['[NAME]'],
  options: { ...JSON_OPTION },
  examples: ['drydock settings get', 'drydock settings get localUse', 'drydock settings get --json'],
  run: async ({ values, positionals: [name] }, context) => {
    const all = await (await createClient(context)).readSettings()
    if (name !== undefined && !Object.hasOwn(all, name)) {
      throw usageError(`Cannot show setting "${name}": there is ${Object.keys(all).join(', ')}`)
    }
    const shown = name === undefined ? all : { [name]: all[name] }
    if (values.json) writeJson(context, shown)
    else for (const [key, value] of Object.entries(shown)) context.out.write(`${key}=${JSON.stringify(value)}\n`)
    return 0
  },
})
