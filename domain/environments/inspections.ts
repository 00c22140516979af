import { eq, sql } from 'drizzle-orm'
import type { Db, Executor } from '../db.ts'
import type { ErrorCode } from '../errors.ts'
import { newId } from '../ids.ts'
import { ensureRepository } from '../repositories/repositories.ts'
import type { RepositoryAddress, RepositoryView } from '../repositories/repositories.ts'
import { repositories } from '../schema.ts'
import { inspections } from '../schema/inspections.ts'
import { storableJson } from '../storable.ts'
import type { Proposal } from './proposal.ts'

/** What a runner found in a repository. */
export type Inspected = {
  commit: string
  branch: string
  proposal: Proposal
  /** The text of `.drydock/environment.yml` on the default branch, as it is; null where there is none. */
  declared: string | null
}
export type InspectionFailure = { code: ErrorCode; message: string }
export type InspectionState =
  | { state: 'queued' | 'running' }
  | { state: 'done'; result: Inspected }
  | { state: 'failed'; failure: InspectionFailure }

export type InspectionFence = { id: string; claim: number }
export type ClaimedInspection = InspectionFence & { repository: RepositoryView }

/** Nobody waits longer than this, so nothing older is worth a runner's time. */
export const INSPECTION_WAIT_MS = 60_000

/** Asks for a look into a repository and wakes the runners. Rows that nobody waits for any more go with it. */
export async function queueInspection(db: Db, repository: RepositoryAddress): Promise<string> {
  const id = newId()
  await db.transaction(async (tx) => {
    await tx.execute(sql`delete from inspections where created_at < now() - interval '1 hour'`)
    await tx.insert(inspections).values({ id, repositoryId: await ensureRepository(tx, repository) })
    await tx.execute(sql`select pg_notify('drydock_queue', '')`)
  })
  return id
}

/** Takes the oldest inspection that somebody waits for and no runner works on. */
export async function claimInspection(db: Db, leaseMs: number): Promise<ClaimedInspection | undefined> {
  const [row] = await db.execute<{ id: string; claim: number; repository_id: string }>(sql`
    update inspections i set state = 'running', claim = i.claim + 1,
      lease_until = clock_timestamp() + make_interval(secs => ${leaseMs / 1000})
    from (
      select id from inspections
      where state in ('queued', 'running') and (lease_until is null or lease_until < clock_timestamp())
        and created_at > now() - make_interval(secs => ${INSPECTION_WAIT_MS / 1000})
      order by created_at limit 1 for update skip locked
    ) next
    where i.id = next.id
    returning i.id, i.claim, i.repository_id`)
  if (row === undefined) return undefined
  const [repository] = await db.select().from(repositories).where(eq(repositories.id, row.repository_id))
  if (repository === undefined) throw new Error('an inspection names a repository that is gone')
  return { id: row.id, claim: row.claim, repository }
}

export type InspectionEnd = { state: 'done'; result: Inspected } | { state: 'failed'; result: InspectionFailure }

/** Writes how an inspection ended. A stale fence changes nothing. */
export async function endInspection(db: Db, fence: InspectionFence, end: InspectionEnd): Promise<void> {
  await db.execute(sql`
    update inspections set state = ${end.state}, lease_until = null, result = ${storableJson(end.result)}::jsonb
    where id = ${fence.id} and claim = ${fence.claim} and state = 'running'`)
}

/** Gives an inspection back, to be taken by another runner at once. */
export async function releaseInspection(db: Db, { id, claim }: InspectionFence): Promise<void> {
  await db.execute(sql`
    with freed as (
      update inspections set state = 'queued', lease_until = null
      where id = ${id} and claim = ${claim} and state = 'running' returning id
    )
    select pg_notify('drydock_queue', '') from freed`)
}

export async function readInspection(db: Executor, id: string): Promise<InspectionState | undefined> {
  const [row] = await db
    .select({ state: inspections.state, result: inspections.result })
    .from(inspections)
    .where(eq(inspections.id, id))
  if (row === undefined) return undefined
  // Only `endInspection` writes results.
  if (row.state === 'done') return { state: row.state, result: row.result as unknown as Inspected }
  if (row.state === 'failed') return { state: row.state, failure: row.result as unknown as InspectionFailure }
  return { state: row.state }
}

/** Forgets an inspection, answered or given up. */
export async function dropInspection(db: Db, id: string): Promise<void> {
  await db.delete(inspections).where(eq(inspections.id, id))
}
