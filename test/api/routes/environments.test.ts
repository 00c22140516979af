import { expect, test } from 'vitest'
import { DrydockError } from '../../../domain/errors.ts'
import { appWith, bearer, post, problem } from '../../support/bare-api.ts'

const environment = { name: 'e', repository: '/srv/repo' }

test.each([
  ['name', { ...environment, name: '' }],
  ['name', { ...environment, name: '../x' }],
  ['name', { ...environment, name: 'a'.repeat(65) }],
  ['repository', { name: 'e' }],
  ['image', { ...environment, image: '-v /:/x' }],
  ['variables', { ...environment, variables: { '1A': 'x' } }],
  ['variables', { ...environment, variables: { 'A=B': 'x' } }],
  ['variables', { ...environment, variables: { A: 'a\0b' } }],
  ['DRYDOCK_', { ...environment, variables: { DRYDOCK_TOKEN: 'x' } }],
  ['resources.memoryMiB', { ...environment, resources: { memoryMiB: -1 } }],
  ['cores', { ...environment, resources: { cores: 2 } }],
  ['limits.agentMs', { ...environment, limits: { agentMs: 1 } }],
  ['maxRunning', { ...environment, maxRunning: 0 }],
  ['publish', { ...environment, publish: 'always' }],
  ['agentUser', { ...environment, agentUser: 'nobody' }],
  ['colour', { ...environment, colour: 'red' }],
])('POST /environments answers 422 and names %s', async (named, body) => {
  const response = await post('/api/v1/environments', JSON.stringify(body))
  expect(response.status).toBe(422)
  expect((await problem(response)).detail).toContain(named)
})

test.each([
  [
    'opens a public suffix',
    { allow: [{ host: 'a.test' }, { host: '*.co.uk' }] },
    /agent\.allow\[1\]\.host: .*\*\.co\.uk/,
  ],
  ['opens no host for setup', { setup: { allow: [{ host: 'https://x/' }] } }, /setup\.allow\[0\]\.host/],
  ['has an unknown key', { alow: [] }, /alow/],
  ['has an unknown preset', { preset: 'some' }, /preset/],
  ['mixes both forms', { agent: {}, preset: 'none' }, /preset/],
])('POST /environments refuses a policy that %s', async (_, policy, said) => {
  const response = await post('/api/v1/environments', JSON.stringify({ ...environment, policy }))
  expect(response.status).toBe(422)
  const { code, detail } = await problem(response)
  expect(code).toBe('policy-invalid')
  expect(detail).toMatch(said)
})

test.each([
  'relative/path/deep',
  './x',
  'https://user:secret@host.test/x',
  'https://token@host.test/x',
  'ext::sh -c id',
])('POST /environments refuses the repository %s without repeating a secret', async (repository) => {
  const response = await post('/api/v1/environments', JSON.stringify({ ...environment, repository }))
  const { code, detail } = await problem(response)
  expect(code).toBe('repository-refused')
  expect(detail).not.toContain('secret')
})

test('POST /environments refuses an address that the check refuses', async () => {
  const refuse = async () => Promise.reject(new DrydockError('repository-refused', 'Cannot use it: private'))
  const { app } = appWith({ checkAddress: refuse })
  const headers = { ...bearer, 'content-type': 'application/json' }
  const body = JSON.stringify(environment)
  const response = await app.request('/api/v1/environments', { method: 'POST', headers, body })
  expect([response.status, (await problem(response)).detail]).toEqual([422, 'Cannot use it: private'])
})

test('POST /environments refuses an agent that there is not', async () => {
  const response = await post('/api/v1/environments', JSON.stringify({ ...environment, agent: 'gpt' }))
  const { code, detail } = await problem(response)
  expect(code).toBe('agent-unavailable')
  expect(detail).toContain('codex')
})
