import { sql } from 'drizzle-orm'
import { z } from 'zod'
import { TASK_AUDIENCES } from '../access/decide.ts'
import type { Db, Executor } from '../db.ts'
import { LimitValues, ResourceValues } from '../environments/limits.ts'
import { settings } from '../schema.ts'
import { networkSettings } from './network.ts'
import { useSettings } from './use.ts'

const HOST = /^[a-z0-9_](?:[a-z0-9_.-]{0,251}[a-z0-9_])?(?::\d{1,5})?$/

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
  ...networkSettings,
  ...useSettings,
})
export type Settings = z.infer<typeof Settings>
/** Settings to change; those that are absent stay. */
export type SettingsChange = { [K in keyof Settings]?: Settings[K] | undefined }

/** The settings, with defaults for what nobody has set. */
export async function readSettings(db: Executor): Promise<Settings> {
  const rows = await db.select({ key: settings.key, value: settings.value }).from(settings)
  const known = Object.keys(Settings.shape)
  return Settings.parse(Object.fromEntries(rows.filter(({ key }) => known.includes(key)).map((r) => [r.key, r.value])))
}

/** Changes the settings that are named; the others stay. */
export async function updateSettings(db: Db, patch: SettingsChange, updatedBy: string): Promise<Settings> {
  const changed = Object.entries(patch).filter(([, value]) => value !== undefined)
  return db.transaction(async (tx) => {
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
    return readSettings(tx)
  })
}
