import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { ENVIRONMENT_OPTIONS, environmentFromFlags } from '../../environment-flags.ts'
import { usageError } from '../../errors.ts'

export const createEnvironment = defineCommand({
  name: 'env create',
  summary: 'Makes an environment: a repository and what an agent needs to work on it.',
  positionals: [],
  options: { ...ENVIRONMENT_OPTIONS, ...JSON_OPTION },
  notes: '--name and --repo are needed.',
  examples: [
    'drydock env create --name shop --repo ~/src/shop --agent-script agent.sh',
    'drydock env create --name shop --repo https://git.example.com/shop.git --setup setup.sh --publish branch',
    'drydock env create --name shop --repo acme/shop --publish pull-request --policy policy.json --var CI=1',
  ],
  run: async ({ values }, context) => {
    const change = await environmentFromFlags(values, context.cwd)
    const { name, repository, ...settings } = change
    if (name === undefined || repository === undefined) {
      throw usageError(
        `Cannot run "env create": --${name === undefined ? 'name' : 'repo'} is missing. See: drydock env create --help`,
      )
    }
    const environment = await (await createClient(context)).createEnvironment({ name, repository, ...settings })
    if (values.json) writeJson(context, environment)
    else {
      context.out.write(`${environment.id}\n`)
      say(
        context,
        `Environment "${environment.name}" is ready. Use it with: ${context.program} exec --env ${environment.name} --wait "…"`,
      )
    }
    return 0
  },
})
