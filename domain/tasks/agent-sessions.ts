import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { CAPS } from '../environments/limits.ts'
import { DrydockError } from '../errors.ts'
import type { Keyring } from '../secrets/keyring.ts'
import { open, seal } from '../secrets/seal.ts'
import { storable } from '../storable.ts'
import { staleFence } from './append-events.ts'
import type { Fence } from './attempt.ts'

const MAX_NAME = 200
const MiB = 1024 * 1024

/** A conversation as its agent left it. The archive is opaque: nothing outside of a sandbox opens it (R17). */
export type AgentSession = { agent: string; version: string; sessionId: string; archive: Buffer }

const placeOf = (row: string) => ({ table: 'agent_sessions', row, column: 'sealed_archive' })

/** Keeps the session of a held attempt, sealed, in place of an earlier one of that attempt. */
export async function saveAgentSession(
  db: Pick<Db, 'execute'>,
  keyring: Keyring,
  { fence, session }: { fence: Fence; session: AgentSession },
): Promise<void> {
  const { agent, version, sessionId, archive } = session
  if (archive.length > CAPS.sessionBytes) {
    throw new DrydockError(
      'request-too-large',
      `Cannot keep the agent's session: it has ${Math.ceil(archive.length / MiB)} MiB, and ${CAPS.sessionBytes / MiB} MiB are the most`,
    )
  }
  const sealed = seal(keyring, archive, placeOf(fence.attemptId)).bytes
  const rows = await db.execute(sql`
    insert into agent_sessions (attempt_id, task_id, agent, version, session_id, sealed_archive, size)
    select id, task_id, ${name(agent)}, ${name(version)}, ${name(sessionId)}, ${sealed}, ${archive.length}::int
    from attempts where id = ${fence.attemptId} and claim = ${fence.claim}
      and state in ('preparing', 'running', 'collecting')
    on conflict (attempt_id) do update set agent = excluded.agent, version = excluded.version,
      session_id = excluded.session_id, sealed_archive = excluded.sealed_archive, size = excluded.size, created_at = now()
    returning attempt_id`)
  if (rows.length === 0) throw staleFence(fence)
}

const name = (text: string) => storable(text.slice(0, MAX_NAME))

/** For which attempt a session is wanted, and who would go on with it. */
export type WantedSession = { attemptId: string; agent: string; version: string }

/**
 * The session of the attempt that this one's turn goes on from: of the same task, agent and version, or nothing. Rejects
 * with `key-unavailable` when it is there and cannot be opened.
 */
export async function latestAgentSession(
  db: Pick<Db, 'execute'>,
  keyring: Keyring,
  wanted: WantedSession,
): Promise<AgentSession | undefined> {
  const [found] = await db.execute<{ attempt_id: string; session_id: string; sealed_archive: Buffer }>(sql`
    select s.attempt_id, s.session_id, s.sealed_archive
    from attempts a
    join turns t on t.id = a.turn_id
    join agent_sessions s on s.attempt_id = t.base_attempt_id and s.task_id = a.task_id
    where a.id = ${wanted.attemptId} and s.agent = ${name(wanted.agent)} and s.version = ${name(wanted.version)}`)
  if (found === undefined) return undefined
  const archive = open(keyring, found.sealed_archive, placeOf(found.attempt_id))
  return { agent: wanted.agent, version: wanted.version, sessionId: found.session_id, archive }
}
