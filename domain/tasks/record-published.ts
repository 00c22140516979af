import { sql } from 'drizzle-orm'
import { recordAudit } from '../audit/record.ts'
import type { Transaction } from '../audit/record.ts'
import type { ForgeIdentity } from '../people/forge-logins.ts'

/** `onForge` is undefined for plain git remotes, where nobody is asked. */
export type PublishPlace = { repository: string; onForge?: ForgeIdentity | undefined }

type Published = { branch?: string; commit?: string; pullRequest?: { number: number; url: string } }

/**
 * Writes down, as the last step of a transaction, what left this server: in whose name, and as whom on the forge (R25). It
 * goes by its branch, which is on the forge: nobody chose to have the task's title kept as long as the audit log.
 */
export async function recordPublished(
  tx: Transaction,
  attemptId: string,
  { outcome, placed }: { outcome: Published; placed: PublishPlace | undefined },
): Promise<void> {
  const [row] = await tx.execute<{ branch: string | null; user_id: string; name: string }>(sql`
    select a.branch, u.id as user_id, u.name
    from attempts a join users u on u.id = coalesce(a.publish_by, a.user_id) where a.id = ${attemptId}`)
  if (row === undefined) throw new Error('what was published is of nobody')
  const { branch = row.branch ?? '', commit, pullRequest } = outcome
  await recordAudit(tx, {
    by: { userId: row.user_id, name: row.name },
    action: 'attempt.published',
    target: { kind: 'attempt', id: attemptId, name: branch },
    after: { ...placed, commit, pullRequest: pullRequest?.number },
  })
}
