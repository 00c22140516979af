import { setTimeout as delay } from 'node:timers/promises'
import { hasEnded } from '../attempts.ts'
import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, writeJson } from '../context.ts'
import { createProgress } from '../progress.ts'

const POLL_MS = 200

export const cancel = defineCommand({
  name: 'cancel',
  summary: 'Cancels a task and waits until it is.',
  positionals: ['TASK'],
  options: { ...JSON_OPTION },
  examples: ['drydock cancel 0123456789abcdef'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const client = await createClient(context)
    using progress = createProgress(context.err)
    progress.show('cancelling …')
    let task = await client.cancelTask(id)
    while (!hasEnded(task)) {
      await delay(POLL_MS, undefined, { signal: context.signal })
      task = await client.readTask(id)
    }
    progress.clear()
    if (values.json) writeJson(context, task)
    else say(context, `Task ${task.id} is ${task.state}.`)
    return task.state === 'cancelled' ? 0 : 1
  },
})
