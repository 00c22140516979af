import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importEnv } from '../../cli/commands/env/import-env.ts'
import { deleteSecret } from '../../cli/commands/env/secret/delete.ts'
import { listSecrets } from '../../cli/commands/env/secret/list.ts'
import { setSecret } from '../../cli/commands/env/secret/set.ts'
import { temporaryFolder } from '../support/git-fixture.ts'
import { fakeWorld, json, noInput } from './fakes.ts'

const at = (name: string) => `PUT /environments/shop/secrets/${name}`
const secret = (name: string) => ({
  ...{ name, kind: 'setup', host: null, header: null, version: 2, createdAt: '', updatedAt: '2026-01-01T00:00:00Z' },
  notice: 'Secrets are for the set-up phase only.',
})
const stdin = (text: string) => ({ stdin: noInput({ read: async () => text }) })

test('env secret set reads the value from standard input, and says what the server says of it', async () => {
  const world = fakeWorld({ [at('TOKEN')]: json(secret('TOKEN')) }, stdin('s3cr3t\n'))
  expect(await setSecret.run(['shop', 'TOKEN'], world.context)).toBe(0)
  expect(world.calls[0]?.body).toEqual({ kind: 'setup', value: 's3cr3t' })
  expect(world.err()).toContain('for the set-up phase only')
  expect(world.out() + world.err()).not.toContain('s3cr3t')
})

test('env secret set asks at a terminal, and shows nothing of the answer', async () => {
  const asked: string[] = []
  const ask = async (question: string) => {
    asked.push(question)
    return 's3cr3t'
  }
  const input = { stdin: noInput({ isTerminal: true, ask }) }
  const world = fakeWorld({ [at('TOKEN')]: json(secret('TOKEN')) }, input)
  expect(await setSecret.run(['shop', 'TOKEN'], world.context)).toBe(0)
  expect(asked).toEqual(['Value of TOKEN (not shown): '])
  expect(world.calls[0]?.body).toEqual({ kind: 'setup', value: 's3cr3t' })
  expect(world.out() + world.err()).not.toContain('s3cr3t')
  const empty = fakeWorld({}, { stdin: noInput({ isTerminal: true, ask: async () => '' }) })
  await expect(setSecret.run(['shop', 'TOKEN'], empty.context)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining('the value is empty') as string,
  })
})

test('env secret set takes a file, and a host for a brokered one', async () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'key'), 'line 1\nline 2\n')
  const world = fakeWorld({ [at('KEY')]: json(secret('KEY')) }, { cwd: folder.path })
  await setSecret.run(['shop', 'KEY', '--from-file', 'key', '--host', 'a.test', '--header', 'x-key'], world.context)
  expect(world.calls[0]?.body).toEqual({ kind: 'brokered', value: 'line 1\nline 2', host: 'a.test', header: 'x-key' })
})

test.each([
  [['shop', 'TOKEN', 's3cr3t'], 'one argument too many'],
  [['shop', 'TOKEN', '--value', 's3cr3t'], 'no option --value'],
  [['shop', 'TOKEN', '--header', 'x'], '--host'],
  [['shop', 'TOKEN', '--from-file', '/nowhere/key'], 'no such file'],
  [['shop', 'TOKEN'], 'standard input is empty'],
])('env secret set %j is wrong use', async (argv, why) => {
  const run = setSecret.run(argv, fakeWorld({}, stdin('')).context)
  await expect(run).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(why) })
})

test('env secret list and delete', async () => {
  const world = fakeWorld({
    'GET /environments/shop/secrets': json({
      data: [secret('TOKEN'), { ...secret('B'), host: 'a.test', header: 'x' }],
    }),
    'DELETE /environments/shop/secrets/TOKEN': new Response(null, { status: 204 }),
  })
  expect(await listSecrets.run(['shop'], world.context)).toBe(0)
  expect(world.out()).toContain('TOKEN  setup  2        2026-01-01 00:00')
  expect(world.out()).toContain('x to a.test')
  expect(await deleteSecret.run(['shop', 'TOKEN'], world.context)).toBe(0)
})

const ENV = 'CI=1\nexport TOKEN="s3cr3t"\nURL=https://a.test\n'

test('env import-env stores what is named as secrets, and adds the rest to the variables', async () => {
  const environment = { name: 'shop', variables: { OLD: 'x', CI: '0' } }
  const world = fakeWorld(
    {
      'GET /environments/shop': json(environment),
      'PATCH /environments/shop': json(environment),
      [at('TOKEN')]: json(secret('TOKEN')),
    },
    stdin(ENV),
  )
  expect(await importEnv.run(['-', '--env', 'shop', '--secret', 'TOKEN', '--json'], world.context)).toBe(0)
  expect(world.calls.map(({ body }) => body)).toEqual([
    undefined,
    { variables: { OLD: 'x', CI: '1', URL: 'https://a.test' } },
    { kind: 'setup', value: 's3cr3t' },
  ])
  expect(JSON.parse(world.out())).toEqual({ variables: ['CI', 'URL'], secrets: ['TOKEN'] })
})

test('env import-env stores all as secrets, and asks for what it needs', async () => {
  const answers = Object.fromEntries(['CI', 'TOKEN', 'URL'].map((name) => [at(name), json(secret(name))]))
  const world = fakeWorld(answers, stdin(ENV))
  expect(await importEnv.run(['-', '--env', 'shop', '--all-secret'], world.context)).toBe(0)
  expect(world.calls).toHaveLength(3)
  for (const [argv, text, why] of [
    [['-'], ENV, '--env is missing'],
    [['-', '--env', 'shop', '--secret', 'GONE'], ENV, 'does not set it'],
    [['-', '--env', 'shop'], '# nothing\n', 'no variable'],
    [['-', '--env', 'shop'], 'A=1\nB', 'line 2'],
  ] as const) {
    const run = importEnv.run([...argv], fakeWorld({}, stdin(text)).context)
    await expect(run).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(why) })
  }
})
