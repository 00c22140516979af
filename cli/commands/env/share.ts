import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { usageError } from '../../errors.ts'
import { choice } from '../../flag-values.ts'

const VISIBILITIES = ['private', 'groups', 'workspace'] as const

export const shareEnvironment = defineCommand({
  name: 'env share',
  summary: 'Lets more people use an environment: by its visibility, by groups, or as collaborators, who also edit it.',
  positionals: ['ID|NAME'],
  options: {
    visibility: { type: 'string', value: 'WHO', help: 'private, groups or workspace' },
    group: { type: 'string', multiple: true, value: 'GROUP', help: 'a group that may use it' },
    collaborator: { type: 'string', multiple: true, value: 'E-MAIL', help: 'somebody who may use and edit it' },
    'keep-secrets': { type: 'boolean', help: 'for administrators: its secrets stay' },
    ...JSON_OPTION,
  },
  notes: [
    'Groups and collaborators are added to those that there are; --group makes the visibility "groups" where it is "private".',
    'Its secrets are cleared where more people may use it afterwards.',
  ].join('\n'),
  examples: [
    'drydock env share shop --group engineering',
    'drydock env share shop --collaborator ada@example.com',
    'drydock env share shop --visibility workspace',
  ],
  run: async (
    { values: { visibility: text, group = [], collaborator = [], json, ...flags }, positionals },
    context,
  ) => {
    const [id = ''] = positionals
    const wanted = choice('visibility', text, VISIBILITIES)
    if (wanted === undefined && group.length === 0 && collaborator.length === 0) {
      throw usageError('Cannot run "env share": it is not said with whom. See: drydock env share --help')
    }
    const client = await createClient(context)
    const before = await client.readEnvironment(id)
    const visibility = wanted ?? (group.length > 0 && before.visibility === 'private' ? 'groups' : undefined)
    const changed = await client.updateEnvironment(id, {
      ...(visibility && { visibility }),
      ...(group.length > 0 && {
        groups: joined(
          before.groups?.map((each) => each.id),
          group,
        ),
      }),
      ...(collaborator.length > 0 && { collaborators: joined(before.collaborators, collaborator) }),
      ...(flags['keep-secrets'] && { keepSecrets: true }),
    })
    if (json) writeJson(context, changed)
    else say(context, [`Environment "${changed.name}" is shared.`, changed.notice ?? ''].join(' ').trim())
    return 0
  },
})

const joined = (before: readonly string[] = [], added: readonly string[]) => [...new Set([...before, ...added])]
