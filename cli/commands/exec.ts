import type { NewTaskJson, TaskJson } from '../../api/schemas/task.ts'
import { lastAttempts } from '../attempts.ts'
import { createClient } from '../client.ts'
import type { Client } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, styleOf, writeJson } from '../context.ts'
import type { CliContext } from '../context.ts'
import { CliError, usageError } from '../errors.ts'
import { watchTask } from '../live.ts'
import { renderTask } from '../render-task.ts'
import { neutralise } from '../terminal.ts'

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
  ],
  run: async ({ values, positionals: [text] }, context) => {
    const { env, attempts, branch, agent, title } = values
    if (env === undefined) throw usageError('Cannot run "exec": --env is missing. See: drydock env list')
    const prompt = await readPrompt(text, context)
    const client = await createClient(context)
    const task = await client.createTask({
      environment: env,
      mode: values.ask ? 'ask' : 'code',
      prompt,
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

async function readPrompt(text: string | undefined, { stdin }: CliContext): Promise<string> {
  const isPiped = text === '-' || (text === undefined && !stdin.isTerminal)
  const prompt = isPiped ? (await stdin.read()).replace(/\n+$/, '') : (text ?? '')
  if (prompt.trim() !== '') return prompt
  const state = isPiped ? 'standard input is empty' : 'the prompt is missing'
  throw usageError(`Cannot run "exec": ${state}. Give it as an argument, or "-" to read standard input`)
}

function parseAttempts(text: string): number {
  if (/^[1-4]$/.test(text)) return Number(text)
  throw usageError(`Cannot run "exec": --attempts ${JSON.stringify(text)} is not a number from 1 to 4`)
}

async function waitFor(client: Client, task: TaskJson, context: CliContext): Promise<TaskJson> {
  say(context, `Task ${task.id}`)
  try {
    return await watchTask(client, task, context)
  } catch (error) {
    if (context.signal.aborted) {
      say(context, `\nThe task goes on. Follow it with: ${context.program} logs -f ${task.id}`)
      say(context, `Cancel it with: ${context.program} cancel ${task.id}`)
    } else if (error instanceof CliError) {
      say(context, `The task may go on. Look at it later with: ${context.program} status ${task.id}`)
    }
    throw error
  }
}

function finish(task: TaskJson, { json, context }: { json: boolean; context: CliContext }): number {
  if (json) writeJson(context, task)
  else if (task.mode === 'ask' && task.state === 'succeeded') writeAnswers(task, context)
  else context.out.write(`\n${renderTask(task, styleOf(context, context.out))}\n`)
  if (!json && lastAttempts(task).some(({ diff }) => (diff?.files ?? 0) > 0)) {
    say(context, `\nLook at the changes with: ${context.program} diff ${task.id}`)
  }
  return task.state === 'succeeded' ? 0 : 1
}

function writeAnswers(task: TaskJson, context: CliContext): void {
  for (const { answer } of lastAttempts(task)) if (answer !== null) context.out.write(`${neutralise(answer)}\n`)
}
