import { expect, test } from 'vitest'
import type { TaskJson } from '../../api/schemas/task.ts'
import { pickAttempt } from '../../cli/attempts.ts'
import { attempt, task } from './fakes.ts'

const withStates = (...states: string[]) =>
  task(
    {},
    states.map((state, i) => attempt({ id: `a${i + 1}`, n: i + 1, state })),
  ) as unknown as TaskJson

test.each([
  [['failed'], undefined, 'a1'],
  [['failed', 'succeeded'], undefined, 'a2'],
  [['succeeded', 'succeeded'], '2', 'a2'],
  [['succeeded', 'failed'], '2', 'a2'],
])('pickAttempt() of %j with --attempt %s is %s', (states, wanted, expected) => {
  expect(pickAttempt(withStates(...states), wanted).id).toBe(expected)
})

test.each([
  [['succeeded', 'succeeded'], undefined, 'Name one with --attempt N'],
  [['failed', 'failed'], undefined, 'Name one with --attempt N'],
  [['succeeded'], '2', 'Cannot find attempt "2"'],
])('pickAttempt() of %j with --attempt %s asks back', (states, wanted, message) => {
  expect(() => pickAttempt(withStates(...states), wanted)).toThrow(message)
})
