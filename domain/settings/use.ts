import { z } from 'zod'
import { LimitValues, ResourceValues } from '../environments/limits.ts'

const tokens = z.int().min(0).nullable().default(null)

/** What administrators set about who may use what. */
export const useSettings = {
  /** Off: only administrators of environments start tasks and go on with them. */
  cloudForMembers: z.boolean().default(true),
  /** Off: nobody uses models from a tool of their own. */
  localUse: z.boolean().default(true),
  /** Tokens, in and out together, that a person's own tools may use in a day and in a month (UTC); null: no budget. */
  localDailyTokens: tokens,
  localMonthlyTokens: tokens,
  /** Agents that tasks may be given to; empty: all. */
  allowedAgents: z.array(z.string().min(1).max(64)).max(100).default([]),
  /** Models that may be asked for, whatever a provider offers; empty: all. */
  allowedModels: z.array(z.string().min(1).max(256)).max(1000).default([]),
  /** What a new environment gets where its maker says nothing. */
  defaultResources: ResourceValues.default({}),
  defaultLimits: LimitValues.default({}),
  /** Off: nothing is published without a person's word, whatever an environment says. */
  automaticPublishing: z.boolean().default(true),
  /** On: files that other machines run by themselves wait for a person's word, also where an environment does not want that. */
  alwaysHoldFlagged: z.boolean().default(false),
}
