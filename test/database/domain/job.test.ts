import { SERVER } from '../../../domain/audit/actions.ts'
import { expect, test } from 'vitest'
import { readEnvironment, updateEnvironment } from '../../../domain/environments/environments.ts'
import { recordBase } from '../../../domain/tasks/fenced.ts'
import { loadJob } from '../../../domain/tasks/job.ts'
import { claimNext } from '../../../domain/tasks/queue.ts'
import { testDatabase } from '../../support/database.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

test('loadJob() keeps an attempt to the repository that it ran on when the environment is pointed elsewhere', async () => {
  await using database = await testDatabase()
  const { db } = database
  const environmentId = await seedEnvironment(db, { address: '/srv/private' })
  const userId = await seedUser(db)
  const [ran, waits] = [await seedTask(db, { userId, environmentId }), await seedTask(db, { userId, environmentId })]
  const fence = (await claimNext(db, { runnerId: 'host/1', leaseMs: 30_000 })) ?? expect.unreachable()
  expect(fence.attemptId).toBe(ran.attemptIds[0])
  const { repository } = await readEnvironment(db, environmentId)
  await recordBase(db, fence, { repositoryId: repository.id, image: 'sha256:1', commit: 'a'.repeat(40) })

  await updateEnvironment(db, environmentId, {
    by: SERVER,
    change: { repository: { forge: 'git', address: '/srv/public' } },
  })
  expect((await loadJob(db, fence.attemptId)).repository.address).toBe('/srv/private')
  expect((await loadJob(db, waits.attemptIds[0] ?? '')).repository.address).toBe('/srv/public')
})
