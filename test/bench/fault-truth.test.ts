import { mkdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { strays, wrongAttempts, wrongTasks } from '../../bench/fault/truth.ts'
import type { Attempt } from '../../bench/fault/truth.ts'
import { git, makeOrigin, temporaryFolder } from '../support/git-fixture.ts'

const attempt = (more: Partial<Attempt>): Attempt => ({
  ...{ id: 'a', task_id: 't', environment: 'branch', prompt: 'p', state: 'succeeded', reason: null, claim: 1, lost: 0 },
  ...{ commit: null, branch: null, publish_state: 'published', publish_reason: null, pull_number: null },
  ...more,
})

/** Two origins; the first has one published branch, whose commit holds what the agent wrote. */
function world(folder: string) {
  const origin = makeOrigin(folder)
  const commit = origin.commit({ 'result.txt': 'p\n' })
  git(origin.work, 'push', '-q', 'origin', 'HEAD:refs/heads/drydock/one')
  mkdirSync(`${folder}/forge`)
  const forge = makeOrigin(`${folder}/forge`)
  const outside = { origin: origin.bare, forgeOrigin: forge.bare, pulls: [] }
  return { outside, commit, published: attempt({ branch: 'drydock/one', commit }) }
}

test('wrongAttempts() and strays() accept a published branch, and a task that lost its runner and has none', () => {
  using folder = temporaryFolder()
  const { outside, published } = world(folder.path)
  const lost = attempt({ id: 'b', state: 'failed', reason: 'runner-lost', publish_state: 'none' })
  expect(wrongAttempts([published, lost], outside)).toEqual([])
  expect(strays([published, lost], outside)).toEqual([])
})

test.each<[string, Partial<Attempt>]>([
  ['a branch at another commit', { commit: '0'.repeat(40) }],
  ['a branch that is not there', { branch: 'drydock/two' }],
  ['the work of another task', { prompt: 'q' }],
  ['publishing without an end', { publish_state: 'pending' }],
  ['a pull request that is missing', { environment: 'pull-request' }],
  ['an end that is none', { state: 'running' }],
  ['a failure that nothing in the load explains', { state: 'failed', reason: 'internal' }],
])('wrongAttempts() finds %s', (_, more) => {
  using folder = temporaryFolder()
  const { outside, published } = world(folder.path)
  expect(wrongAttempts([{ ...published, ...more }], outside).length).toBeGreaterThan(0)
})

test('strays() finds branches and pull requests of tasks that did not succeed', () => {
  using folder = temporaryFolder()
  const { outside, published } = world(folder.path)
  const pulls = [{ number: 7, head: { ref: 'drydock/one', sha: 'x' } }]
  expect(strays([{ ...published, state: 'failed' }], { ...outside, pulls })).toEqual([
    'branch drydock/one belongs to no succeeded task',
    'pull request 7 belongs to no task',
  ])
})

test('wrongTasks() finds a promised task that is missing and one that was made twice', () => {
  const order = (prompt: string, taskId: string) => ({ key: prompt, prompt, kind: 'branch' as const, taskId })
  expect(wrongTasks([order('p', 't')], [attempt({})])).toEqual([])
  expect(wrongTasks([order('p', 't'), order('q', 'u')], [attempt({}), attempt({ id: 'b', task_id: 'v' })])).toEqual([
    'task v was never asked for, or was made twice',
    'task u was promised and does not exist',
  ])
})
