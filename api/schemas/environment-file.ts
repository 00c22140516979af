import { z } from '@hono/zod-openapi'
import { EnvironmentSchema } from './environment.ts'
import { line } from './common.ts'

const COMMIT = /^[0-9a-f]{40}$/

const Planned = z.object({ field: z.string(), from: z.unknown(), to: z.unknown() })

export const EnvironmentPlanSchema = z
  .object({
    commit: z.string().openapi({ description: 'The commit of the default branch that holds the file' }),
    branch: z.string(),
    changes: z.array(Planned).openapi({ description: 'What apply takes over' }),
    proposals: z
      .array(Planned)
      .openapi({ description: 'Network, limits, publishing and the like: taken over only where they are accepted' }),
    missingSecrets: z.array(z.string()),
  })
  .openapi('EnvironmentPlan')

export const ApplySchema = z
  .strictObject({
    commit: z.string().regex(COMMIT, 'must be the commit that was planned'),
    accept: z.array(line(64)).max(100).default([]).openapi({ description: 'Fields of proposals to take over' }),
  })
  .openapi('EnvironmentApply')

export const AppliedSchema = z
  .object({ applied: z.array(z.string()), left: z.array(z.string()), environment: EnvironmentSchema })
  .openapi('EnvironmentApplied')

export type EnvironmentPlanJson = z.infer<typeof EnvironmentPlanSchema>
export type ApplyJson = z.input<typeof ApplySchema>
export type AppliedJson = z.infer<typeof AppliedSchema>
