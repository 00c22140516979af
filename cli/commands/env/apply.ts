import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, styleOf, writeJson } from '../../context.ts'
import { renderPlan } from '../../render-plan.ts'

export const applyEnvironment = defineCommand({
  name: 'env apply',
  summary: 'Takes over what .drydock/environment.yml of the default branch declares.',
  positionals: ['ID|NAME'],
  options: {
    accept: { type: 'string', multiple: true, value: 'FIELD', help: 'also take over this proposal' },
    commit: { type: 'string', value: 'ID', help: 'only if the default branch is at this commit' },
    ...JSON_OPTION,
  },
  notes: 'Network policy, limits, publishing and the like are proposals: each is taken over only where it is accepted.',
  examples: ['drydock env apply shop', 'drydock env apply shop --accept policy --accept limits'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const client = await createClient(context)
    const plan = values.commit === undefined ? await client.planEnvironment(id) : undefined
    if (plan !== undefined && values.json !== true) say(context, renderPlan(plan, styleOf(context, context.err)))
    const commit = values.commit ?? plan?.commit ?? ''
    const done = await client.applyEnvironment(id, { commit, accept: values.accept ?? [] })
    if (values.json) writeJson(context, done)
    else {
      say(
        context,
        done.applied.length > 0 ? `Taken over: ${done.applied.join(', ')}` : 'There is nothing to take over.',
      )
      if (done.left.length > 0) say(context, `Left as proposals: ${done.left.join(', ')}. Take one over with --accept`)
    }
    return 0
  },
})
