import { z } from '@hono/zod-openapi'
import { line } from './common.ts'

export const InspectionRequestSchema = z
  .strictObject({ repository: line(2000).openapi({ description: 'An absolute path, a URL, or owner/name on GitHub' }) })
  .openapi('InspectionRequest')

const ReasonSchema = z.object({
  part: z.enum(['image', 'version', 'setup', 'maintenance', 'verification', 'note']),
  what: z.string().openapi({ description: 'The line or setting, or what a person should know' }),
  why: z.string(),
  from: z.string().nullable().openapi({ description: 'The file of the repository that said so' }),
})

export const InspectionSchema = z
  .object({
    commit: z.string(),
    branch: z.string(),
    proposal: z.object({
      image: z.string(),
      versions: z.record(z.string(), z.string()),
      setupScript: z.string().nullable(),
      maintenanceScript: z.string().nullable(),
      verification: z.array(z.string()),
      starterTasks: z.array(z.object({ title: z.string(), prompt: z.string() })),
      reasons: z.array(ReasonSchema),
    }),
    declared: z.string().nullable().openapi({ description: 'The text of .drydock/environment.yml, as it is' }),
  })
  .openapi('Inspection')
export type InspectionJson = z.infer<typeof InspectionSchema>
