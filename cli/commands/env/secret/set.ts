import { createClient } from '../../../client.ts'
import { JSON_OPTION, defineCommand } from '../../../command.ts'
import { say, writeJson } from '../../../context.ts'
import type { CliContext } from '../../../context.ts'
import { usageError } from '../../../errors.ts'
import { readSecret } from '../../../flag-values.ts'
import { neutraliseLine } from '../../../terminal.ts'

export const setSecret = defineCommand({
  name: 'env secret set',
  summary: 'Stores a secret of an environment. It is encrypted and shown to nobody.',
  positionals: ['ID|NAME', 'SECRET'],
  options: {
    'from-file': {
      type: 'string',
      value: 'FILE',
      help: 'file with the value (default: standard input, or you are asked)',
    },
    host: { type: 'string', value: 'HOST', help: 'a brokered secret: the gateway adds it to requests to this host' },
    header: { type: 'string', value: 'HEADER', help: 'the header of a brokered one (default: authorization)' },
    ...JSON_OPTION,
  },
  notes:
    'Secrets are for the set-up phase only; the agent does not see them. For what the agent needs from a host, use a\n' +
    "brokered one (--host). Whoever may edit this environment's scripts can use its secrets.\n" +
    'At a terminal you are asked for the value, and nothing of it is shown. One of several lines comes from a file or a pipe.',
  examples: [
    'printf %s "$NPM_TOKEN" | drydock env secret set shop NPM_TOKEN',
    'drydock env secret set shop DEPLOY_KEY --from-file key.pem',
    'echo "Bearer $TOKEN" | drydock env secret set shop API_TOKEN --host api.example.com',
  ],
  run: async ({ values, positionals: [environment = '', name = ''] }, context) => {
    const { host, header, 'from-file': file } = values
    if (header !== undefined && host === undefined) {
      throw usageError('Cannot run "env secret set": --header is of a brokered secret, which needs --host')
    }
    const isAsked = file === undefined && context.stdin.isTerminal
    const value = isAsked ? await ask(name, context) : await readSecret('from-file', file ?? '-', context)
    const change =
      host === undefined
        ? { kind: 'setup' as const, value }
        : { kind: 'brokered' as const, value, host, ...(header !== undefined && { header }) }
    const set = await (await createClient(context)).setSecret(environment, name, change)
    if (values.json) writeJson(context, set)
    else say(context, `Secret "${set.name}" is stored (version ${set.version}). ${set.notice}`)
    return 0
  },
})

async function ask(name: string, { stdin }: CliContext): Promise<string> {
  const value = await stdin.ask(`Value of ${neutraliseLine(name)} (not shown): `)
  if (value !== '') return value
  throw usageError('Cannot run "env secret set": the value is empty')
}
