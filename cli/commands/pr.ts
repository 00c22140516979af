import { setTimeout as delay } from 'node:timers/promises'
import type { AttemptJson } from '../../api/schemas/task.ts'
import { ATTEMPT_OPTION, pickAttempt } from '../attempts.ts'
import { createClient } from '../client.ts'
import type { Client } from '../client.ts'
import { JSON_OPTION, defineCommand } from '../command.ts'
import { say, writeJson } from '../context.ts'
import type { CliContext } from '../context.ts'
import { CliError } from '../errors.ts'
import { createProgress } from '../progress.ts'
import { neutraliseLine } from '../terminal.ts'

const POLL_MS = 300

export const pr = defineCommand({
  name: 'pr',
  summary:
    'Publishes the changes of a task: pushes the branch, opens the pull request where the forge has them, and waits.',
  positionals: ['TASK'],
  options: {
    ...ATTEMPT_OPTION,
    'confirm-flagged': {
      type: 'boolean',
      help: 'publish also what changes files that other machines run by themselves',
    },
    ...JSON_OPTION,
  },
  examples: ['drydock pr 0123456789abcdef', 'drydock pr 0123456789abcdef --attempt 2 --confirm-flagged'],
  run: async ({ values, positionals: [id = ''] }, context) => {
    const client = await createClient(context)
    const { n } = pickAttempt(await client.readTask(id), values.attempt)
    const wanted = { id, n }
    await requestPublish(client, { ...wanted, confirmFlagged: values['confirm-flagged'] === true })
    const attempt = await untilPublished(client, wanted, context)
    const { publish, branch, commit, pullRequest, changes } = attempt
    if (values.json)
      writeJson(context, {
        ...{ task: id, attempt: attempt.id, publish, branch, commit, pullRequest },
        ...(changes && { changes }),
      })
    else if (changes) for (const change of changes) tellOf(change, context)
    else tell(attempt, context)
    return publish.state === 'published' ? 0 : 1
  },
})

type Wanted = { id: string; n: number }

async function requestPublish(client: Client, { id, n, confirmFlagged }: Wanted & { confirmFlagged: boolean }) {
  const attempt = pickAttempt(await client.readTask(id), String(n))
  try {
    await client.publish(attempt.id, confirmFlagged)
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== 'confirmation-required') throw error
    const files = flaggedOf(attempt)
      .map(({ path, why }) => `${neutraliseLine(path)} (${neutraliseLine(why)})`)
      .join(', ')
    throw new CliError(
      error.code,
      `Cannot publish yet: it changes files that other machines run by themselves: ${files}. ` +
        'Look at them with "drydock diff", then repeat with --confirm-flagged',
      { cause: error },
    )
  }
}

/** The files that wait; those of several repositories below their folders. */
function flaggedOf({ flagged, changes }: AttemptJson): AttemptJson['flagged'] {
  if (changes === undefined) return flagged
  const held = changes.filter(({ publish }) => publish.state === 'held')
  return held.flatMap((change) =>
    change.flagged.map(({ path, why }) => ({ path: `${change.repository}/${path}`, why })),
  )
}

async function untilPublished(client: Client, { id, n }: Wanted, context: CliContext): Promise<AttemptJson> {
  using progress = createProgress(context.err)
  for (;;) {
    const attempt = pickAttempt(await client.readTask(id), String(n))
    const { state, reason } = attempt.publish
    if (state !== 'pending') return attempt
    progress.show(`publishing …${reason === null ? '' : ` (${neutraliseLine(reason)})`}`)
    await delay(POLL_MS, undefined, { signal: context.signal })
  }
}

/** One of several repositories; of those without a change there is nothing to say. */
function tellOf(change: NonNullable<AttemptJson['changes']>[number], context: CliContext): void {
  if (change.commit === null) return
  say(context, `${change.repository}:`)
  tell(change, context)
}

type Told = Pick<AttemptJson, 'publish' | 'branch' | 'commit' | 'pullRequest'>

function tell({ publish, branch, commit, pullRequest }: Told, context: CliContext): void {
  if (publish.state !== 'published') {
    say(
      context,
      `Not published (${publish.state})${publish.reason === null ? '' : `: ${neutraliseLine(publish.reason)}`}`,
    )
    return
  }
  if (pullRequest !== null) context.out.write(`${neutraliseLine(pullRequest.url)}\n`)
  else context.out.write(`${neutraliseLine(branch ?? '')}\n`)
  say(context, `Published ${commit?.slice(0, 12) ?? ''} as branch ${neutraliseLine(branch ?? '')}.`)
}
