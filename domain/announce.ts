import { sql } from 'drizzle-orm'
import type { Db } from './db.ts'

/** Runners listen to the first, for work; followers to the second, for the id of a task that has news. */
export type Channel = 'drydock_queue' | 'drydock_events'

type Announcer = Pick<Db, 'execute'>
type Outbox = { waiting: Map<string, { channel: Channel; payload: string }>; isSending: boolean }

const OUTBOXES = new WeakMap<Announcer, Outbox>()

/**
 * Tells who listens that something is in the database: to be called after the commit. A NOTIFY inside of the transaction
 * makes all of them commit one after the other, for the database orders them by a lock that it gives back when a commit is on
 * disk (PostgreSQL, `PreCommit_Notify`). What comes while one announcement is under way goes with the next. One that is lost
 * is made up for by everybody's poll.
 */
export function announce(db: Announcer, channel: Channel, payload = ''): void {
  const outbox = OUTBOXES.get(db) ?? { waiting: new Map(), isSending: false }
  OUTBOXES.set(db, outbox)
  outbox.waiting.set(`${channel} ${payload}`, { channel, payload })
  if (!outbox.isSending) void sendAll(db, outbox)
}

async function sendAll(db: Announcer, outbox: Outbox): Promise<void> {
  outbox.isSending = true
  try {
    while (outbox.waiting.size > 0) {
      const due = JSON.stringify([...outbox.waiting.values()])
      outbox.waiting.clear()
      // Nothing of it has to be on a disk.
      await db.execute(sql`
        select set_config('synchronous_commit', 'off', true), pg_notify(each.channel, each.payload)
        from jsonb_to_recordset(${due}::jsonb) as each(channel text, payload text)`)
    }
  } catch {
    // The database is away: who listens notices, and looks.
  } finally {
    outbox.isSending = false
  }
}
