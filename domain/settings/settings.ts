import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { TASK_AUDIENCES } from '../access/decide.ts'
import { IDLE_MINUTES, MOST_MINUTES } from '../access/sessions.ts'
import type { Actor } from '../audit/actions.ts'
import { changedFields } from '../audit/changed.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { LimitValues, ResourceValues } from '../environments/limits.ts'
import { prepared } from '../prepared.ts'
import { settings } from '../schema.ts'
import { networkSettings } from './network.ts'
import { retentionSettings } from './retention.ts'
import { useSettings } from './use.ts'

const HOST = /^[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?(?::\d{1,5})?$/

const MAX_SESSION_MINUTES = 90 * 24 * 60

const host = z.string().regex(HOST, 'must be a host name in lower case, with an optional port')

/** What administrators set for the whole installation. Every key has a default, so a missing row is no special case. */
export const Settings = z.strictObject({
  /** Where people reach this server; links in pull requests start with it. */
  publicUrl: z
    .url({ protocol: /^https?$/ })
    .max(2000)
    .nullable()
    .default(null),
  /** Image registries that environments may name (R10). */
  allowedRegistries: z.array(host).max(100).default(['docker.io', 'ghcr.io']),
  /** Hosts of git remotes that are fine although their addresses are private (R4). */
  gitAllowedHosts: z.array(host).max(100).default([]),
  /** The most that any environment's sandboxes may use, and the longest that its phases may take; absent: no ceiling. */
  resourceCeiling: ResourceValues.default({}),
  limitCeiling: LimitValues.default({}),
  /** Who sees a task beside its creator and administrators: nobody, or all who may use its environment. */
  tasksVisibleTo: z.enum(TASK_AUDIENCES).default('creator'),
  /** How long a browser stays signed in when nobody uses it, and how long at most. */
  sessionIdleMinutes: z.int().min(1).max(MAX_SESSION_MINUTES).default(IDLE_MINUTES),
  sessionMaxMinutes: z.int().min(1).max(MAX_SESSION_MINUTES).default(MOST_MINUTES),
  /** For how long the audit log is kept; null: for ever. */
  auditRetentionDays: z.int().min(30).max(36_500).nullable().default(null),
  ...retentionSettings,
  ...networkSettings,
  ...useSettings,
})
export type Settings = z.infer<typeof Settings>
/** Settings to change; those that are absent stay. */
export type SettingsChange = { [K in keyof Settings]?: Settings[K] | undefined }

/** The settings, with defaults for what nobody has set. */
export async function readSettings(db: Executor): Promise<Settings> {
  const rows = await allRows(db).execute()
  const known = Object.keys(Settings.shape)
  return Settings.parse(Object.fromEntries(rows.filter(({ key }) => known.includes(key)).map((r) => [r.key, r.value])))
}

const allRows = (db: Executor) =>
  prepared(db, 'settings', (on) =>
    on.select({ key: settings.key, value: settings.value }).from(settings).prepare('settings'),
  )

const WORKSPACE = { kind: 'settings', id: 'settings', name: 'settings' }

/** Changes the settings that are named; the others stay. */
export async function updateSettings(db: Db, patch: SettingsChange, by: Actor): Promise<Settings> {
  const updatedBy = by.userId ?? by.name
  const changed = Object.entries(patch).filter(([, value]) => value !== undefined)
  return db.transaction(async (tx) => {
    // Of two changes at once, the second finds before it what the first made.
    await tx.execute(sql`lock table settings in share row exclusive mode`)
    const before = await readSettings(tx)
    for (const [key, value] of changed) {
      await tx
        .insert(settings)
        // SQL null would be refused by the column; a setting that is off is JSON null.
        .values({ key, value: sql`${JSON.stringify(value)}::jsonb`, updatedBy })
        .onConflictDoUpdate({
          target: settings.key,
          set: { value: sql`excluded.value`, updatedAt: sql`now()`, updatedBy },
        })
    }
    await tx.execute(sql`select pg_notify('drydock_settings', '')`)
    const after = await readSettings(tx)
    const differing = changedFields(before, after)
    if (differing) await recordAudit(tx, { by, action: 'settings.update', target: WORKSPACE, ...differing })
    return after
  })
}
