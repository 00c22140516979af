import type { Db } from '../domain/db.ts'
import { readSettings } from '../domain/settings/settings.ts'
import { periodically } from '../runner/periodically.ts'
import type { ServerConfig } from './config.ts'

const REFRESH_MS = 5000

export type LiveSettings = {
  gitAllowedHosts: () => string[]
  allowedRegistries: () => string[]
  publicUrl: () => string | undefined
}

/** The settings of the database together with those of the process, a few seconds old at most. */
export async function watchSettings(db: Db, config: ServerConfig, signal: AbortSignal): Promise<LiveSettings> {
  let current = await readSettings(db)
  const refresh = async () => {
    current = await readSettings(db)
  }
  void periodically({ everyMs: REFRESH_MS, work: refresh, onError: () => undefined }, signal)
  return {
    gitAllowedHosts: () => [...current.gitAllowedHosts, ...config.gitAllowedHosts],
    allowedRegistries: () => current.allowedRegistries,
    publicUrl: () => config.publicUrl ?? current.publicUrl ?? undefined,
  }
}
