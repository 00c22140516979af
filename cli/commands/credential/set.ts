import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { usageError } from '../../errors.ts'
import { readSecret } from '../../flag-values.ts'

export const setCredential = defineCommand({
  name: 'credential set',
  summary: 'Stores a header that rules of a policy can add to requests. It is encrypted and shown to nobody.',
  positionals: ['NAME'],
  options: {
    header: { type: 'string', value: 'HEADER', help: 'the header that carries it (default: authorization)' },
    'value-file': {
      type: 'string',
      value: 'FILE|-',
      help: 'file with the whole value of the header, or "-" for standard input (needed)',
    },
    ...JSON_OPTION,
  },
  notes:
    'A rule names it: {"host":"npm.example.com","path":"/","credential":"NAME"}. Only administrators write such rules.',
  examples: [
    'echo "Bearer $NPM_TOKEN" | drydock credential set npm --value-file -',
    'drydock credential set pip --header x-api-key --value-file token.txt',
  ],
  run: async ({ values, positionals: [name = ''] }, context) => {
    const path = values['value-file']
    if (path === undefined) {
      throw usageError('Cannot run "credential set": --value-file is missing. See: drydock credential set --help')
    }
    const value = await readSecret('value-file', path, context)
    const client = await createClient(context)
    const set = await client.setCredential(name, {
      value,
      ...(values.header !== undefined && { header: values.header }),
    })
    if (values.json) writeJson(context, set)
    else say(context, `Credential "${set.name}" is stored, for the header "${set.header}".`)
    return 0
  },
})
