import { stat } from 'node:fs/promises'
import { createClient } from '../../cli/client.ts'
import { JSON_OPTION, defineCommand } from '../../cli/command.ts'
import { say, writeJson } from '../../cli/context.ts'
import { usageError } from '../../cli/errors.ts'
import { addMasterKey, currentKeyId, dropOldKeys, masterKeyFile } from '../keyring.ts'
import { DATA_OPTION, dataFolderOf } from '../data-option.ts'

export const rotateKeys = defineCommand({
  name: 'rotate-keys',
  summary: 'Makes a new master key and seals every stored key and session anew with it.',
  positionals: [],
  options: {
    ...DATA_OPTION,
    'keep-key': { type: 'boolean', help: 'make no new key: seal with the current one what an older one sealed' },
    'drop-old': { type: 'boolean', help: 'forget the older keys when everything is sealed anew' },
    ...JSON_OPTION,
  },
  notes: [
    'The server must run. It takes new keys from the file without a restart.',
    'With DRYDOCK_MASTER_KEY, _FILE or _COMMAND: put the new key first there, restart the server, then run this with --keep-key.',
    'A backup of the database opens only with the keys of its time: keep the older ones as long as such backups.',
  ].join('\n'),
  examples: ['drydock rotate-keys', 'drydock rotate-keys --drop-old', 'drydock rotate-keys --keep-key'],
  run: async ({ values }, context) => {
    const client = await createClient(context)
    const folder = dataFolderOf(values, context)
    const file = masterKeyFile(folder)
    const isHere = await stat(file).then(
      () => true,
      () => false,
    )
    const isNew = isHere && values['keep-key'] !== true
    if (isNew) await addMasterKey(file)
    else if (!isHere) say(context, `There is no ${file}: nothing but sealing anew is done.`)
    const { keyId, rewrapped, kept } = await client.rewrapKeys()
    if (isHere && keyId !== currentKeyId(file)) {
      throw usageError(
        `Cannot rotate: the server seals with master key ${keyId}, which is not the first of ${file}. Name its data folder with --data`,
      )
    }
    const dropped = values['drop-old'] === true && isHere ? await dropOldKeys(file) : 0
    if (values.json) writeJson(context, { keyId, newKey: isNew, rewrapped, kept, dropped })
    else {
      say(context, `Sealed ${rewrapped} values with master key ${keyId}; ${kept} were already.`)
      if (dropped > 0) say(context, `Forgot ${dropped} older keys.`)
    }
    return 0
  },
})
