import { expect, test } from 'vitest'
import { apply } from '../../cli/commands/apply.ts'
import { diff } from '../../cli/commands/diff.ts'
import { createEnvironment } from '../../cli/commands/env/create.ts'
import { updateEnvironment } from '../../cli/commands/env/update.ts'
import { pr } from '../../cli/commands/pr.ts'
import { status } from '../../cli/commands/status.ts'
import { attempt, fakeWorld, json, problem, task } from './fakes.ts'

const EVIL = '\u001b]52;c;aGk=\u0007'
const change = (repository: string, values: Record<string, unknown> = {}) => ({
  ...{ repository, address: `/srv/${repository}`, baseBranch: 'main', baseCommit: 'a'.repeat(40) },
  ...{ branch: 'drydock/x-a1', commit: 'c'.repeat(40), stats: { files: 1, additions: 1, deletions: 0 }, flagged: [] },
  ...{ publish: { state: 'none', reason: null }, pullRequest: null },
  ...values,
})
const EMPTY = { stats: { files: 0, additions: 0, deletions: 0 }, branch: null, commit: null }
const withChanges = (changes: unknown[], values: Record<string, unknown> = {}) =>
  json(task({}, [attempt({ changes, ...values })]))

test('env create --add-repo sends the others by name, and looks into no repository', async () => {
  const world = fakeWorld({ 'POST /environments': json({ id: 'e1', name: 'shop' }, 201) })
  const flags = ['--name', 'shop', '--repo', 'acme/shop', '--add-repo', 'acme/api', '--add-repo', 'docs=acme/handbook']
  expect(await createEnvironment.run(flags, world.context)).toBe(0)
  expect(world.calls.map(({ body }) => body)).toEqual([
    {
      ...{ name: 'shop', repository: 'acme/shop' },
      repositories: [{ repository: 'acme/api' }, { repository: 'acme/handbook', name: 'docs' }],
    },
  ])
})

test('env create takes no part of a URL for a name, and names the flag of a folder that is not there', async () => {
  const world = fakeWorld({ 'POST /environments': json({ id: 'e1', name: 'shop' }, 201) })
  const create = (other: string) =>
    createEnvironment.run(['--name', 'shop', '--repo', 'acme/shop', '--add-repo', other], world.context)
  await create('https://git.test/x?a=b')
  expect(world.calls[0]?.body).toMatchObject({ repositories: [{ repository: 'https://git.test/x?a=b' }] })
  await expect(create('nowhere')).rejects.toMatchObject({ message: expect.stringContaining('Cannot use --add-repo') })
})

test('env update adds repositories to those that are there, and leaves out by name', async () => {
  const before = { repositories: [{ id: 'r', forge: 'github', address: 'acme/api', name: 'api' }] }
  const world = fakeWorld({
    'GET /environments/shop': json(before),
    'PATCH /environments/shop': json({ id: 'e1', name: 'shop' }),
  })
  const update = (...flags: string[]) => updateEnvironment.run(['shop', ...flags], world.context)
  await update('--add-repo', 'acme/web')
  await update('--remove-repo', 'api')
  expect(world.calls.flatMap(({ body }) => body ?? [])).toEqual([
    { repositories: [{ repository: 'acme/api', name: 'api' }, { repository: 'acme/web' }] },
    { repositories: [] },
  ])
  await expect(update('--remove-repo', 'nope')).rejects.toMatchObject({
    message: 'Cannot use --remove-repo "nope": the others are api',
  })
})

test('status shows every repository with its own publishing, and nothing that a terminal would obey', async () => {
  const url = `https://github.test/acme/web/pull/7${EVIL}`
  const published = { publish: { state: 'published', reason: null }, pullRequest: { number: 7, url } }
  const failed = { publish: { state: 'failed', reason: `Cannot push${EVIL}` } }
  const world = fakeWorld({ 'GET /tasks/t1': withChanges([change('api', failed), change('web', published)]) })
  await status.run(['t1'], world.context)
  expect(world.out()).toMatch(
    /in api\n.*changes +1 file[^]*Cannot push[^]*in web\n[^]*https:\/\/github.test\/acme\/web/,
  )
  expect(world.out()).not.toContain('\u001b')
})

test('diff --repository asks for that repository, and without it says which others were changed', async () => {
  const changes = [change('api'), change('web'), change('docs', EMPTY)]
  const world = fakeWorld({
    'GET /tasks/t1': withChanges(changes),
    'GET /attempts/a1/diff': new Response('of api\n'),
    'GET /attempts/a1/diff?repository=web': new Response('of web\n'),
  })
  await diff.run(['t1'], world.context)
  await diff.run(['t1', '--repository', 'web'], world.context)
  expect(world.out()).toBe('of api\nof web\n')
  expect(world.err().match(/Changed, too.*/g)).toEqual([
    'Changed, too: web (1 file, +1 −0). Look with: --repository NAME',
  ])
})

test.each([
  ['of several', [change('api'), change('web')], 'it has api, web'],
  ['of one', undefined, 'it has one, without a name'],
])('diff and apply refuse a repository that is none %s', async (_, changes, message) => {
  const world = fakeWorld({ 'GET /tasks/t1': json(task({}, [attempt({ ...(changes && { changes }) })])) })
  for (const command of [diff, apply]) {
    await expect(command.run(['t1', '--repository', 'nope'], world.context)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(message),
    })
  }
})

test('pr tells what became of each repository that was changed', async () => {
  const published = { publish: { state: 'published', reason: null } }
  const failed = { publish: { state: 'failed', reason: 'Cannot push' } }
  const changes = [change('api', failed), change('web', published), change('docs', EMPTY)]
  const world = fakeWorld({
    'GET /tasks/t1': withChanges(changes, { publish: { state: 'failed', reason: 'api: Cannot push' } }),
    'POST /attempts/a1/pull-request': json({}, 202),
  })
  expect(await pr.run(['t1'], world.context)).toBe(1)
  expect(world.out()).toBe('drydock/x-a1\n')
  expect(world.err()).toMatch(/api:\nNot published \(failed\): Cannot push\nweb:\nPublished/)
  expect(world.err()).not.toContain('docs')
})

test('pr names the flagged files of the repositories that wait, below their folders', async () => {
  const flagged = [{ path: 'Makefile', why: 'runs on make' }]
  const held = { flagged, publish: { state: 'held', reason: 'flagged-files' } }
  const world = fakeWorld({
    'GET /tasks/t1': withChanges([change('api', { flagged }), change('web', held)]),
    'POST /attempts/a1/pull-request': problem(409, 'confirmation-required', 'Look at them'),
  })
  await expect(pr.run(['t1'], world.context)).rejects.toMatchObject({
    message: expect.stringMatching(/: web\/Makefile \(runs on make\)\./),
  })
})
