import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { styleOf, writeJson } from '../../context.ts'
import { renderPlan } from '../../render-plan.ts'

export const planEnvironment = defineCommand({
  name: 'env plan',
  summary: 'Shows what .drydock/environment.yml of the default branch would change.',
  positionals: ['ID|NAME'],
  options: { ...JSON_OPTION },
  notes: 'Nothing takes effect by this, nor by a push: only by "drydock env apply".',
  examples: ['drydock env plan shop', 'drydock env plan shop --json'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const plan = await (await createClient(context)).planEnvironment(id)
    if (values.json) writeJson(context, plan)
    else context.out.write(`${renderPlan(plan, styleOf(context, context.out))}\n`)
    return 0
  },
})
