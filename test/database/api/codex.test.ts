import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { z } from 'zod'
import { environments, repositories } from '../../../domain/schema.ts'
import type { AttemptStateName } from '../../../domain/tasks/attempt.ts'
import { PATCH, codexApi } from '../../support/codex-api.ts'
import type { CodexApi } from '../../support/codex-api.ts'
import * as wire from '../../support/codex-wire.ts'
import { seedEnvironment, seedTask } from '../../support/seed.ts'

const PREFIXES = ['/api/codex', '/backend-api/wham', '/wham']

let world: CodexApi
beforeAll(async () => {
  world = await codexApi()
})
afterAll(() => world[Symbol.asyncDispose]())

test.each(PREFIXES)('%s serves everything', async (prefix) => {
  const { taskId, attemptIds } = await world.seeded({ state: 'succeeded', patch: PATCH })
  await world.decoded(wire.Environments, `${prefix}/environments`)
  await world.decoded(wire.Environments, `${prefix}/environments/by-repo/github/a/b`)
  await world.decoded(wire.TaskPage, `${prefix}/tasks/list?limit=20&task_filter=current`)
  await world.decoded(wire.Details, `${prefix}/tasks/${taskId}`)
  await world.decoded(wire.Siblings, `${prefix}/tasks/${taskId}/turns/${attemptIds[0]}/sibling_turns`)
  await world.decoded(wire.Usage, `${prefix}/usage`)
  await world.decoded(wire.Requirements, `${prefix}/config/requirements`)
  const anonymous = await world.refused(world.api.app.request(`${prefix}/tasks/${taskId}`))
  expect(anonymous).toMatchObject({ status: 401, detail: expect.stringMatching(/^Cannot tell who asks: /) })
  expect((await world.refused(world.api.app.request(`${prefix}/unknown`))).status).toBe(401)
  expect((await world.refused(world.me.call(`${prefix}/unknown`))).status).toBe(404)
  expect((await world.refused(world.me.call(`${prefix}/environments`, {}))).status).toBe(405)
})

test('every route of it is in the OpenAPI document', async () => {
  const document = (await (await world.api.app.request('/api/v1/openapi.json')).json()) as {
    paths: Record<string, object>
  }
  const routes = world.api.app.routes.map(({ path }) => path.replaceAll(/:([a-z]+)/g, '{$1}'))
  const ours = new Set(routes.filter((path) => /^\/(api\/codex|backend-api|wham|authapi|codex)\//.test(path)))
  expect(ours.size).toBe(3 * 8 + 2)
  expect([...ours].filter((path) => !(path in document.paths))).toEqual([])
})

test('whoami tells whose token it is, in both forms of it and no other', async () => {
  const path = '/authapi/v1/user-auth-credential/whoami'
  const who = await world.decoded(wire.Whoami, path)
  expect(who).toMatchObject({ email: 'ada@example.test', chatgpt_user_id: world.me.userId })
  const secret = world.me.token.slice('dd_'.length)
  const status = async (token: string) =>
    (await world.api.app.request(path, { headers: { authorization: `Bearer ${token}` } })).status
  expect(
    await Promise.all([`dd_${secret}`, `at-${secret}`, `at_${secret}`, `at-${world.me.token}`, secret].map(status)),
  ).toEqual([200, 200, 401, 401, 401])
  // The main interface takes it, too.
  const headers = { authorization: `Bearer at-${secret}` }
  expect((await world.api.app.request('/api/v1/tasks', { headers })).status).toBe(200)
})

test('environments of a repository on GitHub are found whatever the case, and those of no other forge', async () => {
  const id = await seedEnvironment(world.db, { name: 'web', address: 'Acme/Web' })
  await world.db.update(repositories).set({ forge: 'github' }).where(eq(repositories.address, 'Acme/Web'))
  const elsewhere = await seedEnvironment(world.db, { address: 'acme/web' })
  const all = await world.decoded(wire.Environments, '/api/codex/environments')
  expect(all).toContainEqual({ id, label: 'web', is_pinned: false })
  expect(all.map((each) => each.id)).toContain(elsewhere)
  const found = await world.decoded(wire.Environments, '/api/codex/environments/by-repo/github/ACME/web')
  expect(found).toEqual([{ id, label: 'web', is_pinned: false }])
  expect(await world.decoded(wire.Environments, '/api/codex/environments/by-repo/github/acme/other')).toEqual([])
})

test.each([
  ['queued', 'pending'],
  ['preparing', 'in_progress'],
  ['running', 'in_progress'],
  ['collecting', 'in_progress'],
  ['succeeded', 'completed'],
  ['failed', 'failed'],
  ['cancelled', 'cancelled'],
] as const satisfies [AttemptStateName, string][])(
  'a task that is %s is %s, in the list and by itself',
  async (state, word) => {
    const { taskId, attemptIds } = await world.seeded({ state, ...(state === 'succeeded' && { patch: PATCH }) })
    const list = await world.decoded(wire.TaskPage, '/api/codex/tasks/list?limit=1')
    const task = await world.details(taskId)
    expect(list.items).toMatchObject([{ id: taskId, archived: false, task_status_display: task.task_status_display }])
    const { latest_turn_status_display: status, environment_label: label } = task.task_status_display
    expect([status.turn_status, status.sibling_turn_ids, label]).toEqual([word, [], 'shop'])
    expect(task.current_assistant_turn).toMatchObject({ id: attemptIds[0], turn_status: word, attempt_placement: 0 })
  },
)

test('the list has pages, of one environment and of what the person may see', async () => {
  const other = await seedEnvironment(world.db, { name: 'paged' })
  const member = await world.person('member')
  const ids: string[] = []
  for (let i = 0; i < 5; i++) {
    ids.unshift((await seedTask(world.db, { userId: member.userId, environmentId: other, attempts: 2 })).taskId)
  }
  const found: string[] = []
  for (let cursor: string | null | undefined = ''; cursor !== undefined && cursor !== null;) {
    const query = `limit=2&task_filter=current&environment_id=${other}${cursor && `&cursor=${cursor}`}`
    const page: z.infer<typeof wire.TaskPage> = await world.decoded(
      wire.TaskPage,
      `/api/codex/tasks/list?${query}`,
      member,
    )
    found.push(...page.items.map(({ id }) => id))
    cursor = page.cursor
  }
  expect(found).toEqual(ids)
  expect((await world.decoded(wire.TaskPage, '/api/codex/tasks/list?task_filter=archived', member)).items).toEqual([])
  const stranger = await world.person('member')
  expect((await world.decoded(wire.TaskPage, '/api/codex/tasks/list', stranger)).items).toEqual([])
  for (const path of [`tasks/${ids[0]}`, `tasks/${ids[0]}/turns/x/sibling_turns`, 'tasks/list?environment_id=none']) {
    expect((await world.refused(stranger.call(`/api/codex/${path}`))).status).toBe(404)
  }
})

test('who lacks a right reads what users of the CLI know', async () => {
  const detail = '403 - Unauthorized. Contact your administrator for access.'
  const message = { type: 'message', content: [{ content_type: 'text', text: 'x' }] }
  const task = { new_task: { environment_id: 'shop' }, input_items: [message] }
  const reader = await world.person('member', ['read'])
  expect(await world.refused(reader.call('/api/codex/tasks', task))).toEqual({ status: 403, detail })
  const writer = await world.person('member', ['write'])
  for (const path of ['environments', 'environments/by-repo/github/a/b', 'tasks/list', 'tasks/x']) {
    expect(await world.refused(writer.call(`/wham/${path}`))).toEqual({ status: 403, detail })
  }
})

test('the page behind a printed link says how to look, to anybody, and nothing about the task', async () => {
  const { taskId } = await world.seeded({ state: 'running' })
  const pages = await Promise.all(
    [taskId, '0000000000000000'].map(async (id) => {
      const response = await world.api.app.request(`/codex/tasks/${id}`)
      expect([response.status, response.headers.get('content-type')]).toEqual([
        200,
        expect.stringMatching(/^text\/plain/),
      ])
      return (await response.text()).replaceAll(id, 'ID')
    }),
  )
  expect(pages[0]).toContain('drydock status ID')
  expect(pages[0]).toBe(pages[1])
  expect((await world.api.app.request('/codex/tasks/<script>')).status).toBe(404)
})

test('a deleted environment is not offered, and its tasks keep its name', async () => {
  const gone = await seedEnvironment(world.db, { name: 'gone' })
  const { taskId } = await seedTask(world.db, { userId: world.me.userId, environmentId: gone })
  await world.db.update(environments).set({ deletedAt: new Date() }).where(eq(environments.id, gone))
  const all = await world.decoded(wire.Environments, '/api/codex/environments')
  expect(all.map(({ id }) => id)).not.toContain(gone)
  expect((await world.details(taskId)).task_status_display.environment_label).toBe('gone')
})
