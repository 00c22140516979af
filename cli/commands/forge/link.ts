import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import type { CliContext } from '../../context.ts'
import { usageError } from '../../errors.ts'
import { readSecret } from '../../flag-values.ts'
import { neutraliseLine } from '../../terminal.ts'

export const linkLogin = defineCommand({
  name: 'forge link',
  summary: 'Shows the server who you are on GitHub: what you publish there then needs your own right to push.',
  positionals: [],
  options: {
    'from-file': {
      type: 'string',
      value: 'FILE',
      help: 'file with a token of yours on GitHub (default: standard input, or you are asked)',
    },
    ...JSON_OPTION,
  },
  notes:
    'A token without any rights will do. The server asks GitHub whose it is and does not keep it: delete it there afterwards.\n' +
    'Where an environment has --publish-linked, nobody publishes without a linked login.',
  examples: ['drydock forge link', 'pass show github-token | drydock forge link'],
  run: async ({ values }, context) => {
    const token = await readToken(values['from-file'], context)
    const linked = await (await createClient(context)).linkForgeLogin({ forge: 'github', token })
    const { host, login } = linked
    if (values.json) writeJson(context, linked)
    else say(context, `You are ${neutraliseLine(login)} on ${neutraliseLine(host)}. The token was not kept.`)
    return 0
  },
})

async function readToken(file: string | undefined, context: CliContext): Promise<string> {
  const isAsked = file === undefined && context.stdin.isTerminal
  const text = isAsked
    ? await context.stdin.ask('Token (not shown): ')
    : await readSecret('from-file', file ?? '-', context)
  const token = text.trim()
  if (token !== '') return token
  throw usageError('Cannot link a login: no token was given')
}
