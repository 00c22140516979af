import { expect, test } from 'vitest'
import { assertUnderCeilings, underCeilings } from '../../domain/environments/ceilings.ts'
import { DEFAULT_LIMITS, DEFAULT_RESOURCES } from '../../domain/environments/limits.ts'

const CEILINGS = { resourceCeiling: { memoryMiB: 1024, pids: 100_000 }, limitCeiling: { agentMs: 60_000 } }

test('assertUnderCeilings() lets pass what is at the ceiling, has none, or is not named', () => {
  assertUnderCeilings({}, CEILINGS)
  assertUnderCeilings({ resources: { memoryMiB: 1024, cpus: 512 }, limits: { setupMs: 86_400_000 } }, CEILINGS)
})

test('assertUnderCeilings() names all that is over, and what may be had', () => {
  const save = () => assertUnderCeilings({ resources: { memoryMiB: 1025 }, limits: { agentMs: 60_001 } }, CEILINGS)
  expect(save).toThrow(
    'Cannot save environment: resources.memoryMiB is 1025, and the ceiling is 1024, limits.agentMs is 60001, and the ceiling is 60000.',
  )
})

test('underCeilings() takes the smaller of what is asked for, or the default, and the ceiling', () => {
  const { resources, limits } = underCeilings({ resources: { memoryMiB: 512, cpus: 3 } }, CEILINGS)
  expect(resources).toEqual({ ...DEFAULT_RESOURCES, memoryMiB: 512, cpus: 3 })
  expect(limits).toEqual({ ...DEFAULT_LIMITS, agentMs: 60_000 })
  // Saved before the ceiling came.
  expect(underCeilings({ resources: { memoryMiB: 4096 } }, CEILINGS).resources.memoryMiB).toBe(1024)
})
