import type { NewTaskJson } from '../../api/schemas/task.ts'
import { createClient } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, writeJson } from '../context.ts'
import { usageError } from '../errors.ts'
import { IMAGE_OPTION, STARTING_DIFF_OPTION, readImages, readPrompt, readStartingDiff } from '../prompt-input.ts'
import { finish, waitFor } from '../wait.ts'

export const exec = defineCommand({
  name: 'exec',
  summary: 'Gives a task to an agent in a sandbox.',
  positionals: ['[PROMPT|-]'],
  options: {
    env: { type: 'string', short: 'e', value: 'ID|NAME', help: 'the environment to work in (needed)' },
    ask: { type: 'boolean', help: 'only answer; changes are thrown away' },
    agent: { type: 'string', value: 'AGENT', help: "another agent than the environment's" },
    attempts: { type: 'string', value: '1..4', help: 'run the prompt several times side by side' },
    branch: { type: 'string', value: 'BRANCH', help: 'start from this branch (default: the default branch)' },
    ...IMAGE_OPTION,
    ...STARTING_DIFF_OPTION,
    title: { type: 'string', value: 'TEXT', help: 'a title (default: from the prompt)' },
    wait: {
      type: 'boolean',
      short: 'w',
      help: 'show the task live and wait until it ends; exit code 1 when it failed',
    },
    ...JSON_OPTION,
  },
  notes: 'Without PROMPT, or with "-", the prompt is read from standard input.',
  examples: [
    'drydock exec --env shop --wait "Fix the rounding of prices"',
    'drydock exec --env shop --ask --wait "Where are prices rounded?"',
    'drydock exec --env shop --attempts 3 - < prompt.txt',
    'git diff | drydock exec --env shop --starting-diff - "Finish what I began"',
  ],
  run: async ({ values, positionals: [text] }, context) => {
    const { env, attempts, branch, agent, title } = values
    if (env === undefined) throw usageError('Cannot run "exec": --env is missing. See: drydock env list')
    const diff = values['starting-diff']
    if (diff === '-' && (text === undefined || text === '-')) {
      throw usageError('Cannot run "exec": standard input is the starting diff, so the prompt must be an argument')
    }
    const prompt = await readPrompt('exec', text, context)
    const images = await readImages(values.image, context.cwd)
    const startingDiff = await readStartingDiff(diff, context)
    const client = await createClient(context)
    const task = await client.createTask({
      environment: env,
      mode: values.ask ? 'ask' : 'code',
      prompt,
      ...images,
      ...startingDiff,
      ...(attempts !== undefined && { attempts: parseAttempts(attempts) }),
      ...(branch !== undefined && { branch }),
      ...(agent !== undefined && { agent }),
      ...(title !== undefined && { title }),
    } satisfies NewTaskJson)
    if (values.wait) return finish(await waitFor(client, task, context), { json: values.json === true, context })
    if (values.json) writeJson(context, task)
    else {
      context.out.write(`${task.id}\n`)
      say(context, `Follow it with: ${context.program} logs -f ${task.id}`)
    }
    return 0
  },
})

function parseAttempts(text: string): number {
  if (/^[1-4]$/.test(text)) return Number(text)
  throw usageError(`Cannot run "exec": --attempts ${JSON.stringify(text)} is not a number from 1 to 4`)
}
