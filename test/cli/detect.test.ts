import { expect, test } from 'vitest'
import { createEnvironment } from '../../cli/commands/env/create.ts'
import { detectEnvironment } from '../../cli/commands/env/detect.ts'
import { showEnvironment } from '../../cli/commands/env/show.ts'
import { fakeWorld, json, problem } from './fakes.ts'

const proposal = {
  image: 'universal',
  versions: { node: '20' },
  setupScript: 'npm ci\n',
  maintenanceScript: null,
  verification: ['npm test'],
  starterTasks: [{ title: 'Explain the code', prompt: 'Explain it' }],
}
const reasons = [
  { part: 'setup', what: 'npm ci', why: 'installs what the lock file says', from: 'package-lock.json' },
  { part: 'note', what: '\u001b]52;c;aGk=\u0007', why: 'written by anybody\u202e', from: 'a\nb' },
]
const inspection = { commit: 'c'.repeat(40), branch: 'main', proposal: { ...proposal, reasons }, declared: null }
const INSPECT = 'POST /repositories/inspect'
const CREATE = 'POST /environments'
const made = json({ id: 'e1', name: 'shop' }, 201)
const ARGS = ['--name', 'shop', '--repo', 'acme/shop']

test('env create takes what the repository proposes, and shows the reasons', async () => {
  const world = fakeWorld({ [INSPECT]: json(inspection), [CREATE]: made })
  expect(await createEnvironment.run(ARGS, world.context)).toBe(0)
  expect(world.calls.map(({ body }) => body)).toEqual([
    { repository: 'acme/shop' },
    { name: 'shop', repository: 'acme/shop', ...proposal },
  ])
  expect(world.err()).toContain('Read main at cccccccccc')
  expect(world.err()).toContain('installs what the lock file says (package-lock.json)')
  expect(world.out()).toBe('e1\n')
})

test('env create lets flags win over the proposal', async () => {
  const world = fakeWorld({ [INSPECT]: json(inspection), [CREATE]: made })
  await createEnvironment.run(
    [...ARGS, '--lang', 'node=22', '--verify', 'make check', '--verify', 'make lint'],
    world.context,
  )
  expect(world.calls[1]?.body).toMatchObject({
    setupScript: 'npm ci\n',
    versions: { node: '22' },
    verification: ['make check', 'make lint'],
  })
})

test.each([[['--no-detect']], [['--image', 'base']], [['--setup', '']], [['--maintenance', '']]])(
  'env create with %j does not look into the repository',
  async (flags) => {
    const world = fakeWorld({ [CREATE]: made })
    expect(await createEnvironment.run([...ARGS, ...flags], world.context)).toBe(0)
    expect(world.calls).toHaveLength(1)
    expect(world.calls[0]?.body).not.toHaveProperty('verification')
  },
)

test('env create of a repository that cannot be read makes nothing and says the way on', async () => {
  const detail = 'Cannot find the repository: it is gone.'
  const world = fakeWorld({ [INSPECT]: problem(422, 'repository-not-found', detail) })
  await expect(createEnvironment.run(ARGS, world.context)).rejects.toMatchObject({
    code: 'repository-not-found',
    exitCode: 2,
    message: expect.stringMatching(/it is gone\. With --no-detect the environment is made/),
  })
  expect(world.calls).toHaveLength(1)
})

test('env detect shows the proposal and makes nothing; what was written by anybody acts on no terminal', async () => {
  const world = fakeWorld({ [INSPECT]: json(inspection) })
  expect(await detectEnvironment.run(['--repo', 'acme/shop'], world.context)).toBe(0)
  expect(world.calls).toHaveLength(1)
  expect(world.out()).not.toMatch(/[\u0007\u001b\u202e]/)
  expect(world.out()).toContain('(a\\nb)')
  expect(world.out()).toContain('Explain the code')
})

test('env detect --json prints the inspection; without --repo it is wrong use', async () => {
  const world = fakeWorld({ [INSPECT]: json(inspection) })
  await detectEnvironment.run(['--repo', 'acme/shop', '--json'], world.context)
  expect(JSON.parse(world.out())).toEqual(inspection)
  await expect(detectEnvironment.run([], world.context)).rejects.toMatchObject({ exitCode: 2 })
})

test('env show shows versions, verification and starter tasks', async () => {
  const environment = {
    ...{ id: 'e1', name: 'shop', description: '', image: 'universal', agent: 'command', agentUser: 'agent' },
    ...{ repository: { forge: 'git', address: '/srv/a' }, publish: 'manual', policy: {}, variables: {} },
    ...{ resources: {}, limits: { agentMs: 60_000 } },
    ...{ model: null, provider: null, budgetTokens: null, agentScript: null, services: [] },
    ...proposal,
  }
  const world = fakeWorld({ 'GET /environments/shop': json(environment) })
  await showEnvironment.run(['shop'], world.context)
  for (const part of ['node 20', 'Verification\n  npm test', 'Starter tasks\n  Explain the code'])
    expect(world.out()).toContain(part)
})
