import { expect, test } from 'vitest'
import type { PublishOutcome } from '../../domain/tasks/publishing.ts'
import { publishChanges } from '../../runner/publish/publish-changes.ts'
import type { Published, Publishing } from '../../runner/publish/publish.ts'
import { aChange } from '../support/changes.ts'
import { aJob } from '../support/job.ts'

const pending = (name: string) =>
  aChange({ name, baseBranch: `trunk-of-${name}`, publish: { state: 'pending', reason: null } })
const done = (outcome: PublishOutcome): Published => ({ outcome, timing: { phase: 'publish', ms: 1 } })
const PUBLISHED = done({ state: 'published' })
const REFUSED = { state: 'failed' as const, reason: 'push-rejected', message: 'Cannot push' }

async function published(answers: Record<string, Published>, changes = Object.keys(answers).map(pending)) {
  const asked: Publishing[] = []
  const settled: [string, PublishOutcome][] = []
  const busy = await publishChanges(aJob({ attempt: { changes, publishMode: 'pull-request' } }), {
    publish: async (one) => {
      asked.push(one)
      return answers[one.repository.address.slice('/srv/'.length)] ?? PUBLISHED
    },
    settle: async (name, { outcome }) => void settled.push([name, outcome]),
  })
  return { asked, settled, busy }
}

test('publishChanges() publishes each repository as if the attempt had worked on it alone', async () => {
  const { asked } = await published({ api: PUBLISHED, web: PUBLISHED })
  expect(asked).toMatchObject(
    ['api', 'web'].map((name) => ({
      repository: { id: `id-${name}`, address: `/srv/${name}`, defaultBranch: null },
      task: { branch: `trunk-of-${name}` },
      attempt: { tree: 't'.repeat(40), commit: 'c'.repeat(40), branch: 'drydock/x', publishMode: 'pull-request' },
    })),
  )
})

test('publishChanges() leaves alone what is not pending', async () => {
  const others = (['none', 'held', 'published', 'failed'] as const).map((state) =>
    aChange({ name: state, publish: { state, reason: null } }),
  )
  const { asked, settled } = await published({}, [...others, pending('api')])
  expect(asked).toHaveLength(1)
  expect(settled).toEqual([['api', { state: 'published' }]])
})

test('publishChanges() publishes the others when one is refused', async () => {
  const { settled, busy } = await published({ api: done(REFUSED), web: PUBLISHED })
  expect(settled).toEqual([
    ['api', REFUSED],
    ['web', { state: 'published' }],
  ])
  expect(busy).toBeUndefined()
})

test('publishChanges() settles what it can when a forge is busy, and says who asked for the longest time', async () => {
  const wait = (delayMs?: number): Published => ({
    busy: { code: 'rate-limited', reason: 'Cannot push yet', ...(delayMs && { delayMs }) },
  })
  const { settled, busy } = await published({ api: wait(), web: PUBLISHED, docs: wait(5000) })
  expect(settled).toEqual([['web', { state: 'published' }]])
  expect(busy).toEqual({ code: 'rate-limited', reason: 'docs: Cannot push yet', delayMs: 5000 })
})
