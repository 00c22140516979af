import type { Spool } from './ledger/spool.ts'
import type { SandboxSession } from './sandbox-session.ts'

/** How long exchanges that were closed may take to complete their records themselves. */
const SETTLE_MS = 500

/** Completes the records of a session that was ended; they are written when it resolves. */
export async function completeRecords(session: SandboxSession, spool: Pick<Spool, 'flush'>): Promise<void> {
  // First what is being opened at this moment: it ends when it is written.
  await spool.flush()
  await withDeadline(session.settled(), SETTLE_MS)
  session.completeRecords()
  await spool.flush()
}

async function withDeadline(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)))
  await Promise.race([promise, deadline])
  clearTimeout(timer)
}
