import { afterAll, beforeAll, expect, test } from 'vitest'
import { SERVER } from '../../../domain/audit/actions.ts'
import { pruneContent } from '../../../domain/retention/prune.ts'
import { updateSettings } from '../../../domain/settings/settings.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'
import { WRITTEN, seedContent } from '../../support/content.ts'
import type { Content } from '../../support/content.ts'

let api: TestApi
let call: Awaited<ReturnType<TestApi['person']>>['call']
let token: string
let content: Content
beforeAll(async () => {
  api = await testApi()
  ;({ call, token } = await api.person('admin'))
  const { db } = api.database
  content = await seedContent(db, { daysAgo: 8, attempt: { changes: [] } })
  const days = { transcriptRetentionDays: 7, changesRetentionDays: 7, ledgerRetentionDays: 7 }
  await updateSettings(db, days, SERVER)
  await pruneContent(db)
})
afterAll(() => api[Symbol.asyncDispose]())

test.each([
  ['GET /attempts/A/diff', 'Cannot show the diff of attempt'],
  ['GET /tasks/T/events', 'Cannot show the log of task'],
  ['GET /attempts/A/ledger', 'Cannot show the ledger of attempt'],
  ['POST /tasks/T/turns', 'Cannot go on with task'],
  ['POST /attempts/A/pull-request', 'Cannot publish attempt'],
])('%s of what was removed says so', async (route, sentence) => {
  const [method = '', path = ''] = route.split(' ')
  const body = method === 'POST' ? (path.endsWith('turns') ? { prompt: 'more' } : {}) : undefined
  const named = path.replace('/A/', `/${content.attemptId}/`).replace('/T/', `/${content.taskId}/`)
  const { status, json } = await call(method, named, body)
  expect({ status, ...json }).toMatchObject({ status: 410, code: 'content-removed' })
  expect(json.detail).toMatch(new RegExp(`^${sentence} "\\w+": its content was removed after 7 days$`))
})

test('the task says what is gone of it, and lists go on', async () => {
  const { json, text } = await call<{ contentRemoved: unknown[] }>('GET', `/tasks/${content.taskId}`)
  expect(json.contentRemoved).toHaveLength(3)
  expect(json.contentRemoved[0]).toMatchObject({ why: 'retention', sentence: 'removed after 7 days' })
  const list = await call('GET', '/tasks')
  expect(list.json).toMatchObject({ data: [{ id: content.taskId, title: '(content removed)', state: 'succeeded' }] })
  expect(text + list.text).not.toContain(WRITTEN)
})

test('the Codex CLI is told in place of an answer', async () => {
  const response = await api.app.request(`/api/codex/tasks/${content.taskId}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const text = await response.text()
  expect(response.status).toBe(200)
  expect(text).toContain('Its content was removed after 7 days.')
  expect(text).not.toContain(WRITTEN)
})

test('PATCH /settings takes periods and refuses what is none', async () => {
  expect((await call('PATCH', '/settings', { zeroRetentionMinutes: 0, ledgerRetentionDays: null })).json).toMatchObject(
    {
      ...{ zeroRetentionMinutes: 0, ledgerRetentionDays: null },
    },
  )
  expect((await call('PATCH', '/settings', { transcriptRetentionDays: 0 })).status).toBe(422)
  expect((await call('PATCH', '/settings', { zeroRetentionMinutes: -1 })).status).toBe(422)
})
