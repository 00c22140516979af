import { createClient } from '../../client.ts'
import { defineCommand } from '../../command.ts'

export const exportEnvironment = defineCommand({
  name: 'env export',
  summary: 'Prints an environment as the text of .drydock/environment.yml.',
  positionals: ['ID|NAME'],
  options: {},
  notes: 'Secrets are named, never printed.',
  examples: ['drydock env export shop > .drydock/environment.yml'],
  run: async ({ positionals: [id = ''] }, context) => {
    context.out.write(await (await createClient(context)).exportEnvironment(id))
    return 0
  },
})
