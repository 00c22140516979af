import { open, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import { createClient } from '../../client.ts'
import { JSON_OPTION, defineCommand } from '../../command.ts'
import { say, writeJson } from '../../context.ts'
import { usageError } from '../../errors.ts'
import { findUser } from '../../resolve-name.ts'
import { neutraliseLine } from '../../terminal.ts'

const NEW_LINE = 0x0a

export const exportUser = defineCommand({
  name: 'user export',
  summary: 'Writes all that is kept about a person into a file: one JSON record on each line.',
  positionals: ['USER'],
  options: {
    output: { type: 'string', short: 'o', value: 'FILE', help: 'the new file; only you can read it' },
    ...JSON_OPTION,
  },
  notes: 'For who manages members and sees all tasks. That it was exported, and by whom, is in the audit log.',
  examples: ['drydock user export ada@example.com --output ada.jsonl'],
  run: async ({ values, positionals: [wanted = ''] }, context) => {
    if (values.output === undefined) throw usageError('Cannot export: say where to with --output FILE')
    const client = await createClient(context)
    const { id, name } = await findUser(client, wanted)
    const file = resolve(context.cwd, values.output)
    const records = await write(file, await client.exportUser(id))
    if (values.json) writeJson(context, { person: id, records, file })
    else say(context, `Wrote ${records} records about ${neutraliseLine(name)} to ${file}.`)
    return 0
  },
})

/** A file that is there is never written over, and none is left that has only a part. */
async function write(file: string, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    throw usageError(`Cannot write ${file}: ${error.code === 'EEXIST' ? 'it is there already' : error.message}`)
  })
  let records = 0
  try {
    for await (const bytes of chunks) {
      for (const byte of bytes) if (byte === NEW_LINE) records++
      await handle.appendFile(bytes)
    }
    return records
  } catch (error) {
    await rm(file, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}
