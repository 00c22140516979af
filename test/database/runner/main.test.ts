import { randomBytes } from 'node:crypto'
import { eq } from 'drizzle-orm'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { attempts } from '../../../domain/schema.ts'
import { parseKeyring } from '../../../domain/secrets/keyring.ts'
import { startRunner } from '../../../runner/main.ts'
import type { RunnerDeps } from '../../../runner/runner-deps.ts'
import type { Engine } from '../../../runner/sandbox/engine.ts'
import { testDatabase } from '../../support/database.ts'
import type { TestDatabase } from '../../support/database.ts'
import { seedEnvironment, seedTask, seedUser } from '../../support/seed.ts'

/** A runner on a real database whose engine answers when the test lets it. */
function runnerDeps({ db, client }: TestDatabase, engineAnswers: () => Promise<boolean>): RunnerDeps {
  const engine = { listOwned: async () => [] } as unknown as Engine
  const unused = () => Promise.reject(new Error('nothing may come this far'))
  return {
    db,
    leaseDb: db,
    client,
    engine,
    engineAnswers,
    hostId: 'host',
    warmBounds: { most: 0, least: 1 },
    capacity: 1,
    logger: pino({ level: 'silent' }),
    readyAgent: unused,
    networks: { take: unused, [Symbol.asyncDispose]: async () => undefined },
    workspacePolicy: () => ({ ceiling: undefined, deny: [] }),
    servedFolder: '/nowhere',
    keyring: parseKeyring([randomBytes(32).toString('base64')]),
    images: { ownImage: unused, allowedRegistries: async () => [] },
    ownTags: async () => [],
    forgetTrees: unused,
    gatherPacks: async () => undefined,
    mirrors: { open: unused, hold: unused, commit: unused, push: unused },
    git: unused,
    checkOut: unused,
    settle: unused,
    collect: unused,
    remoteOf: unused,
    forgeOf: () => undefined,
    taskUrl: () => undefined,
  }
}

test('startRunner() close hands back what a claim under way still brings', async () => {
  await using database = await testDatabase()
  const { db } = database
  const { attemptIds } = await seedTask(db, {
    userId: await seedUser(db),
    environmentId: await seedEnvironment(db),
  })
  let answer: (isUp: boolean) => void = () => undefined
  let noteAsked: () => void = () => undefined
  const asked = new Promise<void>((resolve) => (noteAsked = resolve))
  const runner = await startRunner(
    runnerDeps(database, () => {
      noteAsked()
      return new Promise((resolve) => (answer = resolve))
    }),
  )
  await asked
  const closed = runner.close({ drainMs: 0 })
  await new Promise((resolve) => setImmediate(resolve))
  answer(true)
  await closed
  const [attempt] = await db
    .select()
    .from(attempts)
    .where(eq(attempts.id, attemptIds[0] ?? ''))
  expect(attempt).toMatchObject({ state: 'queued', claim: 1, runnerId: null, lost: 0 })
})
