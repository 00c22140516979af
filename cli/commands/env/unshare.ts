import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { usageError } from '../../errors.ts'

export const unshareEnvironment = defineCommand({
  name: 'env unshare',
  summary: 'Takes an environment back from groups or collaborators, or from all but its owner.',
  positionals: ['ID|NAME'],
  options: {
    group: { type: 'string', multiple: true, value: 'GROUP', help: 'a group that may not use it any more' },
    collaborator: { type: 'string', multiple: true, value: 'E-MAIL', help: 'somebody who is no collaborator any more' },
    all: { type: 'boolean', help: 'all of them, and make it private' },
    ...JSON_OPTION,
  },
  examples: ['drydock env unshare shop --group engineering', 'drydock env unshare shop --all'],
  run: async ({ values: { group = [], collaborator = [], all, json }, positionals: [id = ''] }, context) => {
    if (!all && group.length === 0 && collaborator.length === 0) {
      throw usageError('Cannot run "env unshare": it is not said from whom. See: drydock env unshare --help')
    }
    const client = await createClient(context)
    const { groups = [], collaborators = [] } = await client.readEnvironment(id)
    const named = groups.map((each) => ({ id: each.id, names: [each.id, each.name] }))
    const people = collaborators.map((email) => ({ id: email, names: [email] }))
    const change = all
      ? { visibility: 'private' as const, groups: [], collaborators: [] }
      : {
          ...(group.length > 0 && { groups: left('group', named, group) }),
          ...(collaborator.length > 0 && { collaborators: left('collaborator', people, collaborator) }),
        }
    const changed = await client.updateEnvironment(id, change)
    if (json) writeJson(context, changed)
    else say(context, `Environment "${changed.name}" is taken back.`)
    return 0
  },
})

type Sharer = { id: string; names: readonly string[] }

/** Those that stay. Rejects with exit code 2 for one that was not there: nobody must think that it is gone now. */
function left(flag: string, all: readonly Sharer[], removed: readonly string[]): string[] {
  const unknown = removed.find((text) => !all.some(({ names }) => names.includes(text)))
  if (unknown !== undefined) {
    const there = all.map(({ names }) => names.at(-1)).join(', ') || 'none'
    throw usageError(`Cannot use --${flag} ${JSON.stringify(unknown)}: it is shared with ${there}`)
  }
  return all.filter(({ names }) => !names.some((name) => removed.includes(name))).map(({ id }) => id)
}
