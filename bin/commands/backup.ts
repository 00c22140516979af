import { resolve } from 'node:path'
import { JSON_OPTION, defineCommand } from '../../cli/command.ts'
import { say, writeJson } from '../../cli/context.ts'
import { bytesText } from '../../cli/render-task.ts'
import { DATA_OPTION, dataFolderOf } from '../data-option.ts'

const LEFT_OUT = [
  'Not in it, on purpose: the master key. Keep that elsewhere: without it, stored keys, secrets and sessions are lost.',
  "Nor are the administrator's token and the gateway's CA, which the next start makes anew, and mirrors, which are fetched.",
].join('\n')

export const backup = defineCommand({
  name: 'backup',
  summary: 'Writes the whole database, as it is at one moment, into a new file. The server goes on meanwhile.',
  positionals: ['FILE'],
  options: { ...DATA_OPTION, ...JSON_OPTION },
  notes: [
    'Run it where the server runs, as its user; with DATABASE_URL, if the server has that.',
    'The file holds prompts, diffs and logs as they are: guard it like the server itself.',
    LEFT_OUT,
  ].join('\n'),
  examples: ['drydock backup /backups/drydock-monday', 'DATABASE_URL=postgres://… drydock backup FILE'],
  run: async ({ values, positionals: [name = ''] }, context) => {
    const { readServerConfig } = await import('../config.ts')
    const { backUp } = await import('../backup/installation.ts')
    const config = readServerConfig(context.env)
    const dataDir = dataFolderOf(values, context)
    const file = resolve(context.cwd, name)
    const written = await backUp({ ...config, dataDir }, file)
    if (values.json) writeJson(context, { file, ...written })
    else
      say(
        context,
        `Wrote ${written.rows} rows of ${written.tables} tables to ${file} (${bytesText(written.bytes)}).\n${LEFT_OUT}`,
      )
    return 0
  },
})
