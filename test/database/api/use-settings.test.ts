import { afterAll, beforeAll, expect, test } from 'vitest'
import { SERVER } from '../../../domain/audit/actions.ts'
import { updateSettings } from '../../../domain/settings/settings.ts'
import { testApi } from '../../support/api.ts'
import type { TestApi } from '../../support/api.ts'

const DENIED = '403 - Unauthorized. Contact your administrator for access.'

let api: TestApi
beforeAll(async () => {
  api = await testApi({})
})
afterAll(() => api[Symbol.asyncDispose]())

const setCloud = (cloudForMembers: boolean) => updateSettings(api.database.db, { cloudForMembers }, SERVER)

test('cloud use that is off for members leaves it to administrators', async () => {
  const { call: member } = await api.person('member')
  const { call: admin } = await api.person('admin')
  const environment = { name: 'cloud-off', repository: '/srv/x', visibility: 'workspace' }
  expect(await admin('POST', '/environments', environment)).toMatchObject({ status: 201 })
  await setCloud(false)
  const task = { environment: 'cloud-off', mode: 'ask', prompt: 'x' }
  expect(await member('POST', '/tasks', task)).toMatchObject({ status: 403, json: { detail: DENIED } })
  expect(await admin('POST', '/tasks', task)).toMatchObject({ status: 201 })
  await setCloud(true)
  expect(await member('POST', '/tasks', task)).toMatchObject({ status: 201 })
})

test('agents and models that are not allowed are refused, and new environments get the defaults', async () => {
  const { call } = await api.person('admin')
  const patch = { allowedAgents: ['codex'], allowedModels: ['good'], defaultLimits: { agentMs: 60_000 } }
  expect(await call('PATCH', '/settings', patch)).toMatchObject({ status: 200, json: patch })
  const environment = { name: 'narrow', repository: '/srv/x', model: 'bad', agent: 'codex' }
  expect(await call('POST', '/environments', environment)).toMatchObject({ json: { limits: { agentMs: 60_000 } } })
  const task = { environment: 'narrow', mode: 'ask', prompt: 'x' }
  expect(await call('POST', '/tasks', { ...task, agent: 'command' })).toMatchObject({
    status: 422,
    json: { code: 'agent-unavailable', detail: expect.stringContaining('this workspace allows codex') },
  })
  expect(await call('POST', '/tasks', task)).toMatchObject({
    status: 422,
    json: { code: 'model-unavailable', detail: expect.stringContaining('this workspace allows good') },
  })
  await call('PATCH', '/settings', { allowedAgents: [], allowedModels: [], defaultLimits: {} })
  expect(await call('POST', '/tasks', task)).toMatchObject({ status: 201 })
})
