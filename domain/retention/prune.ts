import { sql } from 'drizzle-orm'
import type { Db } from '../db.ts'
import { finishDeletions } from '../people/finish-deletion.ts'
import { readSettings } from '../settings/settings.ts'
import type { Settings } from '../settings/settings.ts'
import { deleteRows, eraseMarked } from './erase.ts'
import { retentionRules, zeroRetentionRules } from './kinds.ts'
import { markDue } from './mark.ts'

/** Removes what the workspace keeps no longer, of tasks and of builds in the background. */
export async function pruneContent(db: Db): Promise<void> {
  const settings = await readSettings(db)
  for (const rule of retentionRules(settings)) await markDue(db, rule)
  await pruneBuilds(db, settings)
  await eraseMarked(db)
}

/** Removes what a workspace that keeps nothing has left. Goes on with what an earlier process has begun, whatever it was. */
export async function pruneZeroRetained(db: Db): Promise<void> {
  for (const rule of zeroRetentionRules(await readSettings(db))) await markDue(db, rule)
  await finishDeletions(db)
  await eraseMarked(db)
}

/** Nobody goes on with a build: its rows go by their own age. */
async function pruneBuilds(db: Db, { ledgerRetentionDays, transcriptRetentionDays }: Settings): Promise<void> {
  if (ledgerRetentionDays !== null) {
    await deleteRows(db, 'ledger', sql`environment_id is not null and at < ${daysAgo(ledgerRetentionDays)}`)
  }
  if (transcriptRetentionDays !== null) {
    await db.execute(sql`
      update snapshot_builds set output = '', message = null
      where state <> 'running' and finished_at < ${daysAgo(transcriptRetentionDays)} and output <> ''`)
  }
}

const daysAgo = (days: number) => sql`now() - make_interval(days => ${days}::int)`
