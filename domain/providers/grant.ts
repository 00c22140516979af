import { and, eq } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { DrydockError, hasCode } from '../errors.ts'
import { modelProviders } from '../schema/models.ts'
import type { Keyring } from '../secrets/keyring.ts'
import { open } from '../secrets/seal.ts'
import { modelsUnder } from '../settings/allowed.ts'
import { readSettings } from '../settings/settings.ts'
import { WIRES } from './provider.ts'
import type { KeyHeader, ModelFeature, Wire } from './provider.ts'
import { keyPlace } from './providers.ts'

/** What an attempt wants: a wire, and, where its environment says so, one provider and one model. */
export type WantedModel = {
  wire: Wire
  /** A provider's name; null or absent: the default of the wire. */
  provider?: string | null | undefined
  model?: string | null | undefined
  /** The environment's budget; null or absent: the provider's. */
  budgetTokens?: number | null | undefined
}

/** Access to one provider, with its key in the clear: for the gateway, and for no log. */
export type ProviderGrant = {
  wire: Wire
  /** Its name. */
  provider: string
  baseUrl: string
  key?: string
  keyHeader?: KeyHeader
  internal: boolean
  models: string[]
  features: ModelFeature[]
  budgetTokens: number | null
  maxOutputTokens: number
  concurrency: number
  idleMs: number
  totalMs: number
}

/** Opens what an attempt may use of a provider. Rejects with `model-unavailable` or `key-unavailable`. */
export async function grantFor(db: Executor, keyring: Keyring, wanted: WantedModel): Promise<ProviderGrant> {
  const provider = await findWanted(db, wanted)
  const { id, name, wire, baseUrl, sealedKey, keyHeader, internal, models, features } = provider
  const { maxOutputTokens, concurrency, idleMs, totalMs } = provider
  const model = wanted.model ?? undefined
  if (model !== undefined && models.length > 0 && !models.includes(model)) {
    throw unavailable(`provider "${name}" does not offer model ${JSON.stringify(model)}`)
  }
  const allowed = modelsUnder(await readSettings(db), models)
  if (allowed === undefined) throw unavailable(`the settings allow no model of provider "${name}"`)
  if (model !== undefined && allowed.length > 0 && !allowed.includes(model)) {
    throw unavailable(`the settings do not allow model ${JSON.stringify(model)}`)
  }
  return {
    wire,
    provider: name,
    baseUrl,
    ...(sealedKey !== null && { key: open(keyring, sealedKey, keyPlace(id)).toString() }),
    ...(keyHeader !== null && { keyHeader }),
    internal,
    models: allowed,
    features,
    budgetTokens: wanted.budgetTokens ?? provider.budgetTokens,
    maxOutputTokens,
    concurrency,
    idleMs,
    totalMs,
  }
}

/** What people's own tools may use: the default of each wire that has one, without a budget. Rejects with `key-unavailable`. */
export async function localGrants(db: Executor, keyring: Keyring): Promise<ProviderGrant[]> {
  const grants: ProviderGrant[] = []
  for (const wire of WIRES) {
    try {
      grants.push({ ...(await grantFor(db, keyring, { wire })), budgetTokens: null })
    } catch (error) {
      if (!hasCode(error, 'model-unavailable')) throw error
    }
  }
  return grants
}

async function findWanted(db: Executor, { wire, provider }: WantedModel) {
  const byName = typeof provider === 'string'
  const [found] = await db
    .select()
    .from(modelProviders)
    .where(
      byName
        ? eq(modelProviders.name, provider)
        : and(eq(modelProviders.wire, wire), eq(modelProviders.isDefault, true)),
    )
  if (found === undefined) {
    throw unavailable(byName ? `there is no provider "${provider}"` : `no provider is the default for "${wire}"`)
  }
  if (found.wire !== wire) throw unavailable(`provider "${found.name}" speaks "${found.wire}", not "${wire}"`)
  return found
}

const unavailable = (state: string) =>
  new DrydockError(
    'model-unavailable',
    `Cannot reach a model: ${state}. An administrator sets providers with "drydock provider"`,
  )
