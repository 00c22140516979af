// The most that environments may have: set by administrators over all of them.

import type { Settings } from '../settings/settings.ts'
import { DrydockError } from '../errors.ts'
import { DEFAULT_LIMITS, DEFAULT_RESOURCES } from './limits.ts'
import type { PhaseLimits, Resources } from './limits.ts'

export type Ceilings = Pick<Settings, 'resourceCeiling' | 'limitCeiling'>
type Own = { resources?: Partial<Resources> | undefined; limits?: Partial<PhaseLimits> | undefined }

/** Rejects what is over a ceiling with `over-ceiling`, and says how much may be had. */
export function assertUnderCeilings({ resources = {}, limits = {} }: Own, ceilings: Ceilings): void {
  const over = [
    ...overOnes('resources', resources, ceilings.resourceCeiling),
    ...overOnes('limits', limits, ceilings.limitCeiling),
  ]
  if (over.length === 0) return
  const text = `Cannot save environment: ${over.join(', ')}. Ask for less, or let an administrator raise the ceiling in the settings`
  throw new DrydockError('over-ceiling', text)
}

type Defaults = Ceilings & Pick<Settings, 'defaultResources' | 'defaultLimits'>

/** A new environment with what the workspace gives those whose maker says nothing; as much of it as the ceilings allow. */
export function underDefaults<T extends Own>(asked: T, workspace: Defaults): T & Own {
  const { resourceCeiling, limitCeiling, defaultResources, defaultLimits } = workspace
  return {
    ...asked,
    resources: { ...lowered(defaultResources, resourceCeiling), ...asked.resources },
    limits: { ...lowered(defaultLimits, limitCeiling), ...asked.limits },
  }
}

/** What an environment really has: its own values over the defaults, none of them over a ceiling. */
export function underCeilings(own: Own, ceilings: Ceilings): { resources: Resources; limits: PhaseLimits } {
  return {
    resources: lowered({ ...DEFAULT_RESOURCES, ...own.resources }, ceilings.resourceCeiling),
    limits: lowered({ ...DEFAULT_LIMITS, ...own.limits }, ceilings.limitCeiling),
  }
}

type Numbers = Readonly<Record<string, number>>

function overOnes(group: string, wanted: Numbers, ceiling: Numbers): string[] {
  return Object.entries(wanted).flatMap(([name, value]) => {
    const most = ceiling[name]
    return most !== undefined && value > most ? [`${group}.${name} is ${value}, and the ceiling is ${most}`] : []
  })
}

function lowered<T extends Numbers>(values: T, ceiling: Numbers): T {
  const entries = Object.entries(values).map(([name, value]) => [name, Math.min(value, ceiling[name] ?? value)])
  // The same names; Object.fromEntries forgets them.
  return Object.fromEntries(entries) as T
}
