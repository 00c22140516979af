import { inject, expect, test } from 'vitest'
import { bareRepository, gitIn, testServer } from '../support/server.ts'
import type { TaskJson } from '../support/server.ts'

test('a Code task goes from the API to a published branch, with its phases, diff and log', async () => {
  await using server = await testServer()
  const origin = await bareRepository(server.folder)
  const environment = await server.call('POST', '/environments', {
    name: 'demo',
    repository: origin,
    image: 'base',
    publish: 'branch',
  })
  expect(environment).toMatchObject({ status: 201 })
  const created = await server.call<TaskJson>('POST', '/tasks', {
    environment: 'demo',
    mode: 'code',
    prompt: 'echo hello > hello.txt; echo said',
  })
  expect(created).toMatchObject({ status: 201 })

  const task = await server.finished(created.body.id)
  const attempt = task.turns[0]?.attempts[0]
  expect(attempt).toMatchObject({
    state: 'succeeded',
    publish: { state: 'published' },
    diff: { files: 1, additions: 1, deletions: 0 },
  })
  expect(attempt?.phases.map((each) => each.phase)).toEqual([
    'queue',
    'sandbox',
    'checkout',
    'agent',
    'collect',
    'publish',
  ])
  expect((await gitIn(origin, 'rev-parse', attempt?.branch ?? '')).trim()).toBe(attempt?.commit)
  expect(await gitIn(origin, 'show', `${attempt?.branch}:hello.txt`)).toBe('hello\n')
  expect(inject('baseImage')).toContain('drydock/base')
})
