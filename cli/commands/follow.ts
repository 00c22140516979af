import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, writeJson } from '../context.ts'
import { usageError } from '../errors.ts'
import { IMAGE_OPTION, readImages, readPrompt } from '../prompt-input.ts'
import { finish, waitFor } from '../wait.ts'

export const follow = defineCommand({
  name: 'follow',
  summary: 'Goes on with a task that has ended: another prompt, on top of what was made.',
  positionals: ['TASK', '[PROMPT|-]'],
  options: {
    attempt: { type: 'string', value: 'N', help: 'go on from this attempt of the last turn (default: what succeeded)' },
    ...IMAGE_OPTION,
    wait: { type: 'boolean', short: 'w', help: 'show it live and wait until it ends; exit code 1 when it failed' },
    ...JSON_OPTION,
  },
  notes: 'Without PROMPT, or with "-", the prompt is read from standard input.',
  examples: [
    'drydock follow 0123456789abcdef --wait "Add a test for it"',
    'drydock follow 0123456789abcdef --attempt 2 - < prompt.txt',
  ],
  run: async ({ values, positionals: [id = '', text] }, context) => {
    const prompt = await readPrompt('follow', text, context)
    const attempt = values.attempt === undefined ? undefined : parseAttempt(values.attempt)
    const images = await readImages(values.image, context.cwd)
    const client = await createClient(context)
    const task = await client.createTurn(id, { prompt, ...images, ...(attempt !== undefined && { attempt }) })
    if (values.wait) return finish(await waitFor(client, task, context), { json: values.json === true, context })
    if (values.json) writeJson(context, task)
    else {
      context.out.write(`${task.id}\n`)
      say(context, `Follow it with: ${context.program} logs -f ${task.id}`)
    }
    return 0
  },
})

function parseAttempt(text: string): number {
  if (/^[1-4]$/.test(text)) return Number(text)
  throw usageError(`Cannot run "follow": --attempt ${JSON.stringify(text)} is not a number from 1 to 4`)
}
