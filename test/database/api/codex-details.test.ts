import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../../domain/ids.ts'
import { attempts, pullRequests, turns } from '../../../domain/schema.ts'
import { aChange } from '../../support/changes.ts'
import { PATCH, codexApi } from '../../support/codex-api.ts'
import type { CodexApi } from '../../support/codex-api.ts'
import * as wire from '../../support/codex-wire.ts'

let world: CodexApi
beforeAll(async () => {
  world = await codexApi()
})
afterAll(() => world[Symbol.asyncDispose]())

test('times are seconds with their fraction, of the last thing that happened', async () => {
  const { taskId } = await world.seeded({
    state: 'succeeded',
    startedAt: new Date(1_795_346_980_000),
    finishedAt: new Date(1_795_346_985_400),
  })
  const { task, task_status_display: display } = await world.details(taskId)
  expect([task.updated_at, display.latest_turn_status_display.updated_at]).toEqual([1795346985.4, 1795346985.4])
})

test('a diff is in both places, beside what the agent said and what to look at', async () => {
  const { taskId, attemptIds } = await world.seeded({
    state: 'succeeded',
    patch: PATCH,
    said: 'Done.\u001b[2J',
    title: 'Mend\u001b it',
    flagged: [{ path: '.github/workflows/ci.yml', why: 'workflow' }],
  })
  await world.db.insert(pullRequests).values({ attemptId: attemptIds[0] ?? '', number: 7, url: 'https://forge.test/7' })
  const task = await world.details(taskId)
  expect(wire.diffOf(task)).toBe(PATCH)
  expect(task.current_diff_task_turn?.output_items).toEqual([{ type: 'pr', output_diff: { diff: PATCH } }])
  expect(task.current_assistant_turn?.output_items?.at(-1)).toEqual({ type: 'output_diff', diff: PATCH })
  expect(wire.messagesOf(task)).toEqual([
    'Done.\\u{1b}[2J',
    'Look at these before you apply:\n.github/workflows/ci.yml: workflow',
    'Pull request: https://forge.test/7',
  ])
  expect(task.task.title).toBe('Mend\\u{1b} it')
  const stats = { files_modified: 2, lines_added: 3, lines_removed: 1 }
  expect(task.task_status_display.latest_turn_status_display.diff_stats).toEqual(stats)
  const [listed] = (await world.decoded(wire.TaskPage, '/api/codex/tasks/list?limit=1')).items
  // The CLI takes a task with pull requests for a review.
  expect(listed).not.toHaveProperty('pull_requests')
})

test('there is no diff of a question, of no change and of bytes that are no text', async () => {
  const ask = await world.details((await world.seeded({ state: 'succeeded', mode: 'ask', answer: 'Here.' })).taskId)
  expect([wire.diffOf(ask), wire.messagesOf(ask), ask.current_diff_task_turn]).toEqual([undefined, ['Here.'], null])
  const unchanged = await world.details((await world.seeded({ state: 'succeeded', patch: '' })).taskId)
  expect([wire.diffOf(unchanged), wire.messagesOf(unchanged)]).toEqual([undefined, []])
  const { taskId } = await world.seeded({ state: 'succeeded', patch: Buffer.from(`${PATCH}+\xff\n`, 'latin1') })
  const bytes = await world.details(taskId)
  expect([wire.diffOf(bytes), wire.messagesOf(bytes)]).toEqual([
    undefined,
    [`The diff is not UTF-8 text. Apply it with: drydock apply ${taskId}`],
  ])
})

test('of several repositories the diff is that of the first, and the others are named', async () => {
  const changes = [
    aChange({ name: 'web' }),
    aChange({ name: 'api' }),
    aChange({ name: 'same', stats: { files: 0, additions: 0, deletions: 0 } }),
  ]
  const { taskId } = await world.seeded({ state: 'succeeded', patch: PATCH, changes })
  const task = await world.details(taskId)
  expect(wire.diffOf(task)).toBe(PATCH)
  expect(wire.messagesOf(task)).toEqual([`Changed, too: api. Look with: drydock diff ${taskId} --repository NAME`])
})

test('a failure and a cancel say why; what a failed attempt changed is there', async () => {
  const failed = { state: 'failed', reason: 'timed-out:agent', message: 'The agent took\u0007 too long' } as const
  const task = await world.details((await world.seeded({ ...failed, patch: PATCH })).taskId)
  expect(task.current_assistant_turn?.error).toEqual({
    code: 'timed-out:agent',
    message: 'The agent took\\u{7} too long',
  })
  expect(wire.diffOf(task)).toBe(PATCH)
  const cancelled = await world.details((await world.seeded({ state: 'cancelled' })).taskId)
  expect(cancelled.current_assistant_turn?.error).toMatchObject({ code: 'cancelled' })
})

test('attempts are siblings of the first that succeeded, each with its place and its own diff', async () => {
  const { taskId, attemptIds } = await world.seeded(
    { state: 'failed', reason: 'agent-exited', message: 'exit 1' },
    { state: 'succeeded', patch: PATCH },
    { state: 'succeeded', patch: PATCH.replace('zwölf', 'drei'), said: 'Third.' },
  )
  const [first = '', second = '', third = ''] = attemptIds
  const task = await world.details(taskId)
  expect(task.task_status_display.latest_turn_status_display).toMatchObject({
    turn_status: 'completed',
    sibling_turn_ids: [first, third],
  })
  expect(task.current_assistant_turn).toMatchObject({
    id: second,
    attempt_placement: 1,
    sibling_turn_ids: [first, third],
  })
  expect(await world.siblings(taskId, second)).toMatchObject([
    { id: first, attempt_placement: 0, turn_status: 'failed', output_items: [], error: { code: 'agent-exited' } },
    {
      id: third,
      attempt_placement: 2,
      turn_status: 'completed',
      output_items: [{ type: 'message' }, { type: 'output_diff', diff: expect.stringContaining('drei') }],
    },
  ])
  expect(await world.siblings(taskId, 'unknown')).toEqual([])
  const attempt = (await world.siblings(taskId, third)).map(({ id }) => id)
  expect(attempt).toEqual([first, second])
})

test('a follow-up counts; an attempt before it has no sibling', async () => {
  const { taskId, attemptIds } = await world.seeded({ state: 'succeeded', patch: PATCH })
  const [turnId, id] = [newId(), newId()]
  await world.db.insert(turns).values({ id: turnId, taskId, n: 2, prompt: 'Go on' })
  await world.db
    .insert(attempts)
    .values({ id, turnId, taskId, environmentId: world.environmentId, userId: world.me.userId, n: 1 })
  const task = await world.details(taskId)
  expect(task.current_user_turn).toMatchObject({ id: turnId, input_items: [{ content: [{ text: 'Go on' }] }] })
  expect([task.current_assistant_turn?.id, wire.diffOf(task)]).toEqual([id, undefined])
  expect(task.task_status_display.latest_turn_status_display).toMatchObject({
    turn_status: 'pending',
    diff_stats: { files_modified: 0 },
  })
  expect(await world.siblings(taskId, attemptIds[0] ?? '')).toEqual([])
})
