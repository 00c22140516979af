import type { EnvironmentChangeJson, EnvironmentJson } from '../../../api/schemas/environment.ts'
import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { ENVIRONMENT_OPTIONS, environmentFromFlags } from '../../environment-flags.ts'
import { assertNamesChange, usageError } from '../../errors.ts'

export const updateEnvironment = defineCommand({
  name: 'env update',
  summary: 'Changes an environment; what is not named stays.',
  positionals: ['ID|NAME'],
  options: {
    ...ENVIRONMENT_OPTIONS,
    'remove-repo': { type: 'string', multiple: true, value: 'NAME', help: 'leave out a repository that was added' },
    'unset-var': { type: 'string', multiple: true, value: 'NAME', help: 'remove a variable' },
    ...JSON_OPTION,
  },
  notes:
    'An empty FILE removes what was there: --setup "". Services are replaced together: name all that there are to be, or\n--service "" for none.',
  examples: [
    'drydock env update shop --policy policy.json',
    'drydock env update shop --var CI=1 --unset-var DEBUG',
    'drydock env update shop --service db=postgres:17 --service-env db:POSTGRES_PASSWORD=test',
  ],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const { 'unset-var': removed = [], 'remove-repo': leftOut = [], json, ...flags } = values
    const change = await environmentFromFlags(flags, context.cwd)
    if (removed.length === 0 && leftOut.length === 0) assertNamesChange('env update', change)
    const client = await createClient(context)
    const { variables, resources, limits } = change
    if (removed.length > 0 || [variables, resources, limits].some((each) => each !== undefined)) {
      const before = await client.readEnvironment(id)
      change.variables = { ...before.variables, ...variables }
      for (const name of removed) delete change.variables[name]
      if (resources !== undefined) change.resources = { ...before.resources, ...resources }
      if (limits !== undefined) change.limits = { ...before.limits, ...limits }
    }
    if (change.repositories !== undefined || leftOut.length > 0) {
      const { repositories = [] } = await client.readEnvironment(id)
      change.repositories = withRepositories(repositories, { added: change.repositories ?? [], leftOut })
    }
    const environment = await client.updateEnvironment(id, change)
    if (json) writeJson(context, environment)
    else say(context, `Environment "${environment.name}" is changed. Tasks that run go on as they were started.`)
    if (!json && environment.notice !== undefined) say(context, environment.notice)
    return 0
  },
})

type Others = NonNullable<EnvironmentChangeJson['repositories']>
type Differences = { added: Others; leftOut: readonly string[] }

function withRepositories(
  before: NonNullable<EnvironmentJson['repositories']>,
  { added, leftOut }: Differences,
): Others {
  const unknown = leftOut.find((name) => !before.some((each) => each.name === name))
  if (unknown !== undefined) {
    const names = before.map(({ name }) => name).join(', ') || 'none'
    throw usageError(`Cannot use --remove-repo ${JSON.stringify(unknown)}: the others are ${names}`)
  }
  const kept = before.filter(({ name }) => !leftOut.includes(name))
  return [...kept.map(({ address, name }) => ({ repository: address, name })), ...added]
}
