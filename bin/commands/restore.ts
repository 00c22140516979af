import { resolve } from 'node:path'
import { JSON_OPTION, defineCommand } from '../../cli/command.ts'
import { say, writeJson } from '../../cli/context.ts'
import { DATA_OPTION, dataFolderOf } from '../data-option.ts'
import { prepareMachine } from '../prepare-machine.ts'
import { ROOT } from '../root.ts'

export const restoreBackup = defineCommand({
  name: 'restore',
  summary: 'Restores a backup into an empty data folder and an empty database.',
  positionals: ['FILE'],
  options: { ...DATA_OPTION, ...JSON_OPTION },
  notes: [
    'First put the master key of the time of the backup into the folder, as the file master-key, or give it by DRYDOCK_MASTER_KEY.',
    'With DATABASE_URL it goes there, else into a database of its own, as `serve` would start it.',
    'The version must be the one that made the backup.',
  ].join('\n'),
  examples: ['drydock restore /backups/drydock-monday --data /var/lib/drydock'],
  run: async ({ values, positionals: [name = ''] }, context) => {
    // A database of its own is an image that may have to be built.
    if (context.env.DATABASE_URL === undefined) await prepareMachine(ROOT, context.env)
    const { readServerConfig } = await import('../config.ts')
    const { restore } = await import('../backup/installation.ts')
    const config = readServerConfig(context.env)
    const dataDir = dataFolderOf(values, context)
    const { rows } = await restore({ ...config, dataDir }, resolve(context.cwd, name), context.signal)
    if (values.json) writeJson(context, { dataDir, rows })
    else {
      say(
        context,
        `Restored ${rows} rows into ${dataDir}. Start the server: it makes a new token for the administrator, and fetches mirrors as tasks need them.\nChanges that were not published then are in their diffs; to publish them, run the task again.`,
      )
    }
    return 0
  },
})
