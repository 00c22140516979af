import { createClient } from '../../../client.ts'
import { JSON_OPTION, defineCommand } from '../../../command.ts'
import { say, writeJson } from '../../../context.ts'
import { neutraliseLine, table } from '../../../terminal.ts'

export const listSecrets = defineCommand({
  name: 'env secret list',
  summary: 'Lists the secrets of an environment, without their values.',
  positionals: ['ID|NAME'],
  options: { ...JSON_OPTION },
  examples: ['drydock env secret list shop', 'drydock env secret list shop --json'],
  run: async ({ values, positionals: [environment = ''] }, context) => {
    const found = await (await createClient(context)).listSecrets(environment)
    if (values.json) writeJson(context, found)
    else if (found.data.length === 0) say(context, 'The environment has no secrets.')
    else {
      const rows = found.data.map(({ name, kind, host, header, version, updatedAt }) => [
        neutraliseLine(name),
        kind,
        String(version),
        updatedAt.slice(0, 16).replace('T', ' '),
        host === null ? '' : neutraliseLine(`${header ?? ''} to ${host}`),
      ])
      context.out.write(`${table([['NAME', 'KIND', 'VERSION', 'SET', 'ADDED AS'], ...rows], context.out.columns)}\n`)
    }
    return 0
  },
})
