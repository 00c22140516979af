// What a workspace allows of agents and models. An empty list allows all.

import type { Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import type { Settings } from './settings.ts'
import { readSettings } from './settings.ts'

type Wanted = { agent: string; model?: string | null | undefined }

/** Rejects with `agent-unavailable` or `model-unavailable` for what tasks of this workspace may not use. */
export async function assertAllowed(db: Executor, wanted: Wanted): Promise<void> {
  const { allowedAgents, allowedModels } = await readSettings(db)
  if (!isAllowed(allowedAgents, wanted.agent)) {
    throw new DrydockError('agent-unavailable', `Cannot run agent ${not(wanted.agent, allowedAgents)}`)
  }
  const { model } = wanted
  if (typeof model === 'string' && wanted.agent !== 'command' && !isAllowed(allowedModels, model)) {
    throw new DrydockError('model-unavailable', `Cannot use model ${not(model, allowedModels)}`)
  }
}

/** The models that a provider gives under the workspace's list. Undefined: none; an empty list: any. */
export function modelsUnder(
  { allowedModels }: Pick<Settings, 'allowedModels'>,
  offered: readonly string[],
): string[] | undefined {
  if (allowedModels.length === 0) return [...offered]
  if (offered.length === 0) return [...allowedModels]
  const both = offered.filter((model) => allowedModels.includes(model))
  return both.length > 0 ? both : undefined
}

const isAllowed = (list: readonly string[], one: string) => list.length === 0 || list.includes(one)

const not = (one: string, allowed: readonly string[]) =>
  `${JSON.stringify(one)}: this workspace allows ${allowed.slice(0, 10).join(', ')}${allowed.length > 10 ? ' and others' : ''}. An administrator can change that in the settings`
