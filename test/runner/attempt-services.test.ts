import { expect, test } from 'vitest'
import { AttemptFailure } from '../../runner/failure.ts'
import { CLOSED } from '../../runner/network-plan.ts'
import { runAttempt } from '../../runner/run-attempt.ts'
import type { Services } from '../../runner/services/services.ts'
import { aJob } from '../support/job.ts'
import { story } from '../support/story.ts'

const WITH_DB = aJob({ environment: { services: [{ name: 'db', image: 'postgres' }] } })
const find: Services['find'] = async (services) => services.map((service) => ({ service, image: 'p:1', ports: [5432] }))

test('runAttempt() starts services beside the sandbox before anything runs in it, on a network that opens nothing', async () => {
  const { deps, stop, networks, sandboxes } = story()
  const started: unknown[] = []
  deps.warm = { ...deps.warm, want: () => true }
  deps.checkOut = async () => {
    expect(started).toHaveLength(1)
    return { state: '', lines: [] }
  }
  deps.services = {
    find,
    start: async ({ owner, places }) => {
      expect(sandboxes.made[0]?.calls).toEqual(['start'])
      started.push({ owner, places })
    },
  }
  await runAttempt(WITH_DB, deps, stop)
  expect(started).toMatchObject([
    { owner: { installation: 'i', attempt: 'attempt1', claim: 1 }, places: [{ network: 'network-1' }] },
  ])
  expect(sandboxes.made[0]?.spec.network).toMatchObject({ network: 'network-1' })
  expect(networks.made[0]?.grants.map(({ policy }) => policy)).toEqual([CLOSED])
})

test('runAttempt() fails with what a service failed for, and leaves nothing', async () => {
  const { deps, stop, networks, sandboxes } = story()
  const failure = new AttemptFailure('service-failed', 'Cannot use service "db": it ended with exit code 1.')
  deps.services = { find, start: () => Promise.reject(failure) }
  await expect(runAttempt(WITH_DB, deps, stop)).rejects.toBe(failure)
  expect(networks.made[0]?.closed).toBe(true)
  sandboxes.assertClean()
})

test('runAttempt() ends with the service that breaks while the agent works', async () => {
  const { deps, stop } = story()
  const failure = new AttemptFailure('service-failed', 'Cannot go on with service "db": it used all of its disk')
  deps.services = { find, start: async ({ onBroken }) => onBroken(failure) }
  await expect(runAttempt(WITH_DB, deps, stop)).rejects.toBeDefined()
  expect(stop.cause).toEqual({ kind: 'failed', failure })
})
