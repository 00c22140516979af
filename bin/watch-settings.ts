import type { Logger } from 'pino'
import type { Database } from '../domain/db.ts'
import { readSettings } from '../domain/settings/settings.ts'
import type { Settings } from '../domain/settings/settings.ts'
import type { WorkspacePolicy } from '../runner/network-plan.ts'
import type { GatewayOptions } from '../runner/network/settings.ts'
import { periodically } from '../runner/periodically.ts'
import { Policy, Rule } from '../sandbox-policy/policy.ts'
import type { ServerConfig } from './config.ts'

const REFRESH_MS = 5000

export type LiveSettings = {
  gitAllowedHosts: () => string[]
  allowedRegistries: () => string[]
  publicUrl: () => string | undefined
  gateway: () => GatewayOptions
  workspacePolicy: () => WorkspacePolicy
  /** Calls back after the settings have changed. One listener. */
  onChange: (listener: () => Promise<void>) => void
}

/** The settings of the database together with those of the process. A change is known at once, or a few seconds later. */
export async function watchSettings(
  { db, client }: Pick<Database, 'db' | 'client'>,
  { config, logger }: { config: ServerConfig; logger: Logger },
  signal: AbortSignal,
): Promise<LiveSettings> {
  let current = await readSettings(db)
  let changed: () => Promise<void> = async () => undefined
  const refresh = async () => {
    const before = JSON.stringify(current)
    current = await readSettings(db)
    if (JSON.stringify(current) !== before) await changed()
  }
  const onError = (error: unknown) => logger.warn({ err: error }, 'Cannot read the settings; the earlier ones hold')
  void periodically({ everyMs: REFRESH_MS, work: refresh, onError }, signal)
  await client.listen('drydock_settings', () => void refresh().catch(onError))
  return {
    gitAllowedHosts: () => [...current.gitAllowedHosts, ...config.gitAllowedHosts],
    allowedRegistries: () => current.allowedRegistries,
    publicUrl: () => config.publicUrl ?? current.publicUrl ?? undefined,
    gateway: () => gatewayOptions(current),
    workspacePolicy: () => ({
      ceiling: current.networkCeiling === null ? undefined : Policy.parse(current.networkCeiling),
      deny: current.networkDeny.map((rule) => Rule.parse(rule)),
    }),
    onChange: (listener) => (changed = listener),
  }
}

function gatewayOptions({ staticHosts, upstreamCas, upstreamProxy, redactQueries }: Settings): GatewayOptions {
  return { staticHosts, upstreamCas, redactQueries, ...(upstreamProxy !== null && { upstreamProxy }) }
}
