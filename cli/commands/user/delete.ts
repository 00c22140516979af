import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { usageError } from '../../errors.ts'
import { findUser } from '../../resolve-name.ts'
import { neutraliseLine } from '../../terminal.ts'

export const deleteUser = defineCommand({
  name: 'user delete',
  summary: 'Deletes a person: profile, tokens, sessions, memberships, and what is in their tasks.',
  positionals: ['USER'],
  options: {
    yes: { type: 'boolean', help: 'do it: there is no way back' },
    ...JSON_OPTION,
  },
  notes: [
    'Their tasks stay with states, times and costs, under a name that says nothing. Tasks that run are cancelled.',
    'Entries of the audit log keep the name that they were written with, as long as the log is kept: it is part of the chain.',
  ].join('\n'),
  examples: ['drydock user delete ada@example.com --yes'],
  run: async ({ values, positionals: [wanted = ''] }, context) => {
    const client = await createClient(context)
    const { id, name, email } = await findUser(client, wanted)
    const who = neutraliseLine(email === '' ? name : `${name} <${email}>`)
    if (values.yes !== true) {
      throw usageError(`Cannot delete ${who} (${id}) without --yes: what is in their tasks would be gone for good`)
    }
    await client.deleteUser(id)
    if (values.json) writeJson(context, { person: id, deleted: true })
    else say(context, `Deleted ${who}.`)
    return 0
  },
})
