import type { EventJson } from '../../api/schemas/task.ts'
import { hasEnded } from '../attempts.ts'
import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { styleOf, writeJson } from '../context.ts'
import { numbersOf } from '../live.ts'
import { renderEvent } from '../render-event.ts'

/** What happened so far is on its way within this time; the stream of a running task does not say where it is. */
const QUIET_MS = 1000

export const logs = defineCommand({
  name: 'logs',
  summary: 'Prints what a task did and said; with -f live, until it ends.',
  positionals: ['TASK'],
  options: {
    follow: { type: 'boolean', short: 'f', help: 'go on until the task ends, also over lost connections' },
    attempt: { type: 'string', value: 'N', help: 'only this attempt of the last turn' },
    raw: { type: 'boolean', help: 'leave control characters in the output as they are: your terminal will obey them' },
    ...JSON_OPTION,
  },
  examples: ['drydock logs -f 0123456789abcdef', 'drydock logs 0123456789abcdef --json | jq .data'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const client = await createClient(context)
    const task = await client.readTask(id)
    const numbers = numbersOf(task)
    const isShown = ({ attempt }: EventJson) =>
      values.attempt === undefined || String(numbers.get(attempt)) === values.attempt
    const stop = new AbortController()
    const quiet = values.follow || hasEnded(task) ? undefined : setTimeout(() => stop.abort(), QUIET_MS)
    const kept: EventJson[] = []
    const options = { style: styleOf(context, context.out), raw: values.raw === true, numbers }
    try {
      for await (const event of client.followTask(id, AbortSignal.any([context.signal, stop.signal]))) {
        quiet?.refresh()
        if (!isShown(event)) continue
        if (values.json) kept.push(event)
        else writeLine(renderEvent(event, options))
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error
    } finally {
      clearTimeout(quiet)
    }
    if (values.json) writeJson(context, { data: kept })
    return 0

    function writeLine(text: string | undefined) {
      if (text !== undefined) context.out.write(`${text}\n`)
    }
  },
})
