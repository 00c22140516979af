import { eq } from 'drizzle-orm'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { attempts, tasks, turns } from '../../../domain/schema.ts'
import { PATCH, codexApi } from '../../support/codex-api.ts'
import type { CodexApi } from '../../support/codex-api.ts'
import * as wire from '../../support/codex-wire.ts'

let world: CodexApi
beforeAll(async () => {
  world = await codexApi()
})
afterAll(() => world[Symbol.asyncDispose]())

const message = (...texts: string[]) => ({
  type: 'message',
  role: 'user',
  content: texts.map((text) => ({ content_type: 'text', text })),
})
const request = (more: Record<string, unknown> = {}) => ({
  new_task: { environment_id: 'shop', branch: 'dev', run_environment_in_qa_mode: false },
  input_items: [message('Mend it\nplease')],
  ...more,
})

test('POST tasks queues a Code task as the CLI asks for it', async () => {
  const asked = request({
    new_task: { environment_id: world.environmentId, branch: 'dev' },
    input_items: [message('Mend it\nplease', 'and test'), { type: 'pre_apply_patch', output_diff: { diff: PATCH } }],
    metadata: { best_of_n: 3 },
  })
  const response = await world.me.call('/api/codex/tasks', asked)
  expect(response.status).toBe(200)
  const { id } = wire.Created.parse(await response.json()).task
  const [task] = await world.db.select().from(tasks).where(eq(tasks.id, id))
  expect(task).toMatchObject({
    mode: 'code',
    product: 'cli',
    branch: 'dev',
    title: 'Mend it',
    creatorId: world.me.userId,
  })
  const [turn] = await world.db.select().from(turns).where(eq(turns.taskId, id))
  expect([turn?.prompt, turn?.startingPatch?.toString()]).toEqual(['Mend it\nplease\n\nand test', PATCH])
  expect(await world.db.$count(attempts, eq(attempts.taskId, id))).toBe(3)
  expect(world.logged.at(-1)).toMatchObject({
    method: 'POST',
    path: '/api/codex/tasks',
    command: 'codex_cloud_tasks_exec',
  })
})

test('POST tasks takes the name of an environment, one attempt, and another client', async () => {
  const response = await world.me.call('/backend-api/wham/tasks', request(), 'curl/8.0')
  const { id } = wire.Created.parse(await response.json()).task
  const [task] = await world.db.select().from(tasks).where(eq(tasks.id, id))
  expect(task).toMatchObject({ environmentId: world.environmentId, product: 'api' })
  expect(await world.db.$count(attempts, eq(attempts.taskId, id))).toBe(1)
})

const picture = { type: 'message', content: [{ content_type: 'image_asset_pointer', asset_pointer: 'x' }] }
const start = { type: 'pre_apply_patch', output_diff: { diff: PATCH } }

test.each([
  ['a picture', { input_items: [message('x'), picture] }, /Pictures go with: drydock exec --image/],
  ['another kind of input', { input_items: [message('x'), { type: 'web' }] }, /must have the type 'message' or/],
  ['no text', { input_items: [message(' ')] }, /must have a message with text/],
  ['two starting diffs', { input_items: [message('x'), start, start] }, /one starting diff at most/],
  ['five attempts', { metadata: { best_of_n: 5 } }, /best_of_n/],
  [
    'a mode that there is not',
    { new_task: { environment_id: 'shop', run_environment_in_qa_mode: true } },
    /no such mode/,
  ],
  ['what it does not know', { follow_up: { task_id: 'x' } }, /follow_up/],
  ['a wrong branch', { new_task: { environment_id: 'shop', branch: '-x' } }, /valid name of a git branch/],
])('POST tasks refuses %s in a sentence', async (_, more, sentence) => {
  const { status, detail } = await world.refused(world.me.call('/api/codex/tasks', request(more)))
  expect([status, detail]).toEqual([422, expect.stringMatching(sentence)])
  expect(detail).toMatch(/^Cannot accept the request: /)
})

test('POST tasks names environments where it does not know the one asked for, without quotes to escape', async () => {
  const asked = request({ new_task: { environment_id: 'nope' } })
  const text = await (await world.me.call('/api/codex/tasks', asked)).text()
  expect(text).toContain(`{"detail":"Cannot find environment 'nope'. There is '`)
})

test('POST tasks answers anything without a fault of its own', async () => {
  const keys = fc.constantFrom('new_task', 'input_items', 'metadata', '__proto__')
  const value = fc.oneof(fc.jsonValue(), fc.constantFrom({ environment_id: '\0' }, [message('\ud800')], [start, null]))
  await fc.assert(
    fc.asyncProperty(fc.dictionary(keys, value, { maxKeys: 3 }), async (spoiled) => {
      const response = await world.me.call('/api/codex/tasks', { ...request(), ...spoiled })
      if (response.status !== 200) expect((await world.refused(response)).status).toBeLessThan(500)
    }),
    { numRuns: 100 },
  )
})
