import { sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { storable } from '../storable.ts'
import type { Actor, AuditRecord } from './actions.ts'
import { hashOf, keepable } from './chain.ts'
import type { Link } from './chain.ts'

/** A transaction: what it has that the pool has not keeps an entry from being written beside what it tells of. */
export type Transaction = Executor & { rollback(): never }

/**
 * Writes down what the transaction did, as its last step. A chain has one end, so from here to the commit all who record
 * wait for each other: two round trips and the commit. Whoever takes a lock after this may meet somebody who holds it and
 * waits here, which the database ends as a deadlock.
 */
export async function recordAudit(tx: Transaction, { by, action, target, before, after }: AuditRecord): Promise<void> {
  const [head] = await tx.execute<{ seq: string; hash: string; at: string }>(
    sql`select seq, encode(hash, 'hex') as hash, ${utc(sql`now_at`)} as at from audit_take_turn()`,
  )
  if (head === undefined) throw new Error('the audit log has no head')
  const link: Link = {
    seq: Number(head.seq) + 1,
    at: head.at,
    ...actorOf(by),
    action,
    targetKind: target.kind,
    targetId: storable(target.id),
    targetName: storable(target.name),
    before: before === undefined ? null : keepable(before),
    after: after === undefined ? null : keepable(after),
    previousHash: head.hash,
  }
  await insertLink(tx, link)
}

/** The database takes only what continues the chain. */
export async function insertLink(tx: Pick<Executor, 'execute'>, link: Link): Promise<void> {
  await tx.execute(sql`
    insert into audit_entries (seq, at, actor_id, actor_name, via, credential_id, address, action, target_kind, target_id,
      target_name, before, after, previous_hash, hash)
    values (${link.seq}::bigint, ${link.at}::timestamptz, ${link.actorId}, ${link.actorName}, ${link.via},
      ${link.credentialId}, ${link.address}, ${link.action}, ${link.targetKind}, ${link.targetId}, ${link.targetName},
      ${jsonOf(link.before)}::jsonb, ${jsonOf(link.after)}::jsonb, decode(${link.previousHash}, 'hex'),
      decode(${hashOf(link)}, 'hex'))`)
}

/** A moment as the chain has it. */
export const utc = (moment: ReturnType<typeof sql>) =>
  sql<string>`to_char(${moment} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`

function actorOf({ userId, name, tokenId, sessionId, address }: Actor) {
  const via = sessionId !== undefined ? 'session' : tokenId !== undefined ? 'token' : 'server'
  const credentialId = sessionId ?? tokenId ?? null
  return { actorId: userId, actorName: storable(name), via, credentialId, address: address ?? null }
}

const jsonOf = (value: unknown) => (value === null ? null : JSON.stringify(value))
