import type { NewEnvironmentJson } from '../../../api/schemas/environment.ts'
import { createClient } from '../../client.ts'
import type { Client } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, styleOf, writeJson } from '../../context.ts'
import type { CliContext } from '../../context.ts'
import { ENVIRONMENT_OPTIONS, environmentFromFlags } from '../../environment-flags.ts'
import { CliError, usageError } from '../../errors.ts'
import { renderProposal } from '../../render-proposal.ts'

const UNIVERSAL = 'universal'

export const createEnvironment = defineCommand({
  name: 'env create',
  summary: 'Makes an environment: a repository and what an agent needs to work on it.',
  positionals: [],
  options: {
    ...ENVIRONMENT_OPTIONS,
    'no-detect': { type: 'boolean', help: 'set nothing up by what the repository holds' },
    ...JSON_OPTION,
  },
  notes:
    '--name and --repo are needed. Without --setup, --maintenance and another --image, the repository is looked into: what\nit proposes is shown with the reason of every line and taken, under what the flags say. Change it with: env update.\n' +
    'With --add-repo nothing is looked into: what one repository proposes expects to be alone at /workspace.',
  examples: [
    'drydock env create --name shop --repo ~/src/shop',
    'drydock env create --name shop --repo https://git.example.com/shop.git --setup setup.sh --publish branch',
    'drydock env create --name shop --repo acme/shop --publish pull-request --policy policy.json --var CI=1',
    'drydock env create --name shop --repo acme/shop --add-repo acme/api --add-repo docs=~/src/shop-docs',
  ],
  run: async ({ values }, context) => {
    const { 'no-detect': plain = false, json, ...flags } = values
    const { name, repository, ...settings } = await environmentFromFlags(flags, context.cwd)
    if (name === undefined || repository === undefined) {
      throw usageError(
        `Cannot run "env create": --${name === undefined ? 'name' : 'repo'} is missing. See: drydock env create --help`,
      )
    }
    const client = await createClient(context)
    const { setupScript, maintenanceScript, image = UNIVERSAL } = settings
    // What is proposed is for this image; of another nobody knows what it has.
    const isSaid = setupScript !== undefined || maintenanceScript !== undefined || image !== UNIVERSAL
    const isAlone = settings.repositories === undefined
    const proposed = plain || isSaid || !isAlone ? {} : await proposalFor(client, repository, context)
    const environment = await client.createEnvironment({ name, repository, ...proposed, ...settings })
    if (json) writeJson(context, environment)
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

/** What the repository proposes, shown to who asks. Rejects with the server's sentence and the way on without. */
async function proposalFor(
  client: Client,
  repository: string,
  context: CliContext,
): Promise<Partial<NewEnvironmentJson>> {
  const found = await client.inspectRepository(repository).catch((error: unknown) => {
    if (!(error instanceof CliError)) throw error
    const message = `${error.message.replace(/\.?$/, '.')} With --no-detect the environment is made without looking into it`
    throw new CliError(error.code, message, { exitCode: error.exitCode, cause: error })
  })
  say(context, renderProposal(found, styleOf(context, context.err)))
  const { image, versions, setupScript, maintenanceScript, verification, starterTasks } = found.proposal
  return { image, versions, setupScript, maintenanceScript, verification, starterTasks }
}
