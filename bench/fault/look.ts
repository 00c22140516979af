import type { SqlClient } from '../../domain/db.ts'
import { git } from '../support/repository.ts'

/** The moments at which a server is to die. The last two lie inside publishing. */
export const TARGETS = [
  'queue',
  'sandbox',
  'checkout',
  'setup',
  'agent',
  'collect',
  'between push and record',
  'pull request',
] as const
export type Target = (typeof TARGETS)[number]

type Row = {
  id: string
  state: string
  commit: string | null
  branch: string | null
  publish_state: string
  publish_mode: string | null
  phase: string | null
  status: string | null
}

export type Sight = { attempt: string; at: Target }
export type Origins = { branch: string; 'pull-request': string; hasPullRequest: (branch: string) => boolean }

/** Where every open attempt stands, as the database has it and, for publishing, the origins. */
export async function look(client: SqlClient, origins: Origins): Promise<Sight[]> {
  const rows = await client<Row[]>`
    select a.id, a.state, a.commit, a.branch, a.publish_state, a.publish_mode, last.phase, last.status
    from attempts a left join lateral (
      select e.phase, e.payload->>'status' as status from events e
      where e.task_id = a.task_id and e.kind in ('phase', 'state') order by e.seq desc limit 1
    ) last on true
    where a.state in ('queued', 'preparing', 'running', 'collecting') or a.publish_state = 'pending'`
  return rows.flatMap((row) => {
    const at = row.publish_state === 'pending' ? publishingAt(row, origins) : phaseOf(row)
    return at === undefined ? [] : [{ attempt: row.id, at }]
  })
}

function phaseOf({ state, phase, status }: Row): Target | undefined {
  if (state === 'queued') return 'queue'
  return status === 'started' ? TARGETS.find((target) => target === phase) : undefined
}

function publishingAt({ branch, commit, publish_mode: mode }: Row, origins: Origins): Target | undefined {
  if (branch === null || commit === null) return undefined
  const origin = mode === 'pull-request' ? origins['pull-request'] : origins.branch
  if (refAt(origin, branch) !== commit) return undefined
  return origins.hasPullRequest(branch) ? 'pull request' : 'between push and record'
}

function refAt(bare: string, branch: string): string | undefined {
  try {
    return git(bare, 'rev-parse', '--verify', '--quiet', `refs/heads/${branch}`)
  } catch {
    return undefined
  }
}
