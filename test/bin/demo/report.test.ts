import { expect, test } from 'vitest'
import type { TaskJson } from '../../../api/schemas/task.ts'
import { isDone, nextCommands, reportOf, shellWord } from '../../../bin/demo/report.ts'
import { attempt, task } from '../../cli/fakes.ts'

const reportFor = (overrides: Record<string, unknown>) =>
  reportOf(task({}, [attempt(overrides)]) as unknown as TaskJson, '/demo/sample.git')

test('reportOf() has the keys of the demo, in their order of importance', () => {
  const report = reportFor({ publish: { state: 'published', reason: null }, phases: [{ ms: 3, phase: 'queue' }] })
  expect(JSON.parse(JSON.stringify(report))).toMatchObject({
    task: 't1',
    attempt: 'a1',
    state: 'succeeded',
    reason: null,
    phases: [{ phase: 'queue', ms: 3 }],
    diff: { files: 1, additions: 1, deletions: 0 },
    origin: '/demo/sample.git',
    branch: 'drydock/x-a1',
    commit: 'c'.repeat(40),
    pullRequest: null,
  })
})

test.each([
  [{ publish: { state: 'published', reason: null } }, true, null],
  [{ publish: { state: 'failed', reason: 'refused' } }, false, 'publish-failed'],
  [{ publish: { state: 'held', reason: null } }, false, 'publish-held'],
  [{ state: 'failed', reason: 'agent-exited', diff: null }, false, 'agent-exited'],
  [{ state: 'cancelled', diff: null }, false, null],
  [{ diff: { files: 0, additions: 0, deletions: 0 }, branch: null, commit: null }, true, null],
])('isDone() of %j is %s', (overrides, done, reason) => {
  const report = reportFor(overrides)
  expect(isDone(report)).toBe(done)
  expect(report.reason).toBe(reason)
})

test('nextCommands() are three that a shell takes as they stand', () => {
  const report = { ...reportFor({}), origin: "/it's here/sample.git" }
  const options = { branch: 'drydock/x', base: 'main', startCommand: 'npm start', isTrusted: true }
  expect(nextCommands(report, options)).toEqual([
    "git -C '/it'\\''s here/sample.git' log -1 --stat drydock/x",
    "git -C '/it'\\''s here/sample.git' diff main drydock/x",
    'npm start',
  ])
  expect(nextCommands({ ...report, origin: '/o' }, { ...options, isTrusted: false })[0]).toBe(
    'git -c safe.directory=/o -C /o log -1 --stat drydock/x',
  )
})

test.each(['plain/path-1.git', "a'b", 'a b', '$(x)', ''])('shellWord() of %j is one word', (text) => {
  expect(shellWord(text)).toMatch(/^([A-Za-z0-9_@%+=:,./-]+|'([^']|'\\'')*')$/)
})
