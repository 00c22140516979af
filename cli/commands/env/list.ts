import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { neutraliseLine, table } from '../../terminal.ts'

export const listEnvironments = defineCommand({
  name: 'env list',
  summary: 'Lists the environments.',
  positionals: [],
  options: { ...JSON_OPTION },
  examples: ['drydock env list', 'drydock env list --json'],
  run: async ({ values }, context) => {
    const found = await (await createClient(context)).listEnvironments()
    if (values.json) writeJson(context, found)
    else if (found.data.length === 0)
      say(context, `There are no environments. Make one with: ${context.program} env create`)
    else {
      const rows = found.data.map(({ id, name, image, agent, publish, repository }) => [
        id,
        neutraliseLine(name),
        neutraliseLine(image),
        neutraliseLine(agent),
        publish,
        neutraliseLine(repository.address),
      ])
      context.out.write(
        `${table([['ID', 'NAME', 'IMAGE', 'AGENT', 'PUBLISH', 'REPOSITORY'], ...rows], context.out.columns)}\n`,
      )
    }
    return 0
  },
})
