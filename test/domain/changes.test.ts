import { expect, test } from 'vitest'
import type { PublishState } from '../../domain/tasks/attempt.ts'
import { askedFor, publishFailure, publishStateOf } from '../../domain/tasks/changes.ts'
import { aChange } from '../support/changes.ts'

const inState = (state: PublishState, name = 'api') => aChange({ name, publish: { state, reason: null } })

test.each<[PublishState[], PublishState]>([
  [[], 'none'],
  [['none', 'none'], 'none'],
  [['published', 'none'], 'published'],
  [['published', 'held'], 'held'],
  [['held', 'failed', 'published'], 'failed'],
  [['failed', 'pending', 'held'], 'pending'],
])('publishStateOf() of %j is %s', (states, expected) => {
  expect(publishStateOf(states.map((state) => inState(state)))).toBe(expected)
})

test('publishFailure() names the repositories that failed', () => {
  const failed = aChange({ name: 'web', publish: { state: 'failed', reason: 'Cannot push' } })
  expect(publishFailure([inState('published'), failed])).toBe('web: Cannot push')
  expect(publishFailure([inState('published')])).toBeNull()
})

const github = { repository: { id: 'r', forge: 'github' as const, address: 'acme/api' } }

test.each([
  ['without a commit', aChange({ commit: null }), 'none'],
  ['not published yet', inState('none'), 'pending'],
  ['that failed', inState('failed'), 'pending'],
  ['that is held', inState('held'), 'held'],
  ['that is a branch of plain git', inState('published'), 'published'],
  ['that is a branch where there are pull requests', { ...inState('published'), ...github }, 'pending'],
  [
    'that has its pull request',
    { ...inState('published'), ...github, pullRequest: { number: 1, url: 'u' } },
    'published',
  ],
])('askedFor() a change %s makes it %s', (_, change, state) => {
  expect(askedFor([change], false)[0]?.publish.state).toBe(state)
})

test('askedFor() releases a held change when it is confirmed', () => {
  expect(askedFor([inState('held')], true)).toMatchObject([{ publish: { state: 'pending', reason: null } }])
})
