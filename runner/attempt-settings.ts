import { DEFAULT_LIMITS, DEFAULT_RESOURCES } from '../domain/environments/limits.ts'
import type { PhaseLimits, Resources } from '../domain/environments/limits.ts'
import type { Job } from '../domain/tasks/job.ts'

export type AttemptSettings = { resources: Resources; limits: PhaseLimits }

/** The environment's limits over the defaults. */
export const attemptSettings = ({ environment }: Pick<Job, 'environment'>): AttemptSettings => ({
  resources: { ...DEFAULT_RESOURCES, ...environment.resources },
  limits: { ...DEFAULT_LIMITS, ...environment.limits },
})
