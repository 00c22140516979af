import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { styleOf, writeJson } from '../../context.ts'
import { ENVIRONMENT_OPTIONS, repositoryOf } from '../../environment-flags.ts'
import { usageError } from '../../errors.ts'
import { renderProposal } from '../../render-proposal.ts'

export const detectEnvironment = defineCommand({
  name: 'env detect',
  summary: 'Shows the environment that a repository proposes, with the reason of every line. Makes nothing.',
  positionals: [],
  options: { repo: ENVIRONMENT_OPTIONS.repo, ...JSON_OPTION },
  examples: ['drydock env detect --repo ~/src/shop', 'drydock env detect --repo acme/shop --json'],
  run: async ({ values }, context) => {
    if (values.repo === undefined)
      throw usageError('Cannot run "env detect": --repo is missing. See: drydock env detect --help')
    const client = await createClient(context)
    const found = await client.inspectRepository(await repositoryOf(values.repo, context.cwd))
    if (values.json) writeJson(context, found)
    else context.out.write(`${renderProposal(found, styleOf(context, context.out))}\n`)
    return 0
  },
})
