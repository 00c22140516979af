import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { deleteCredential } from '../../cli/commands/credential/delete.ts'
import { listCredentials } from '../../cli/commands/credential/list.ts'
import { setCredential } from '../../cli/commands/credential/set.ts'
import { addProvider } from '../../cli/commands/provider/add.ts'
import { deleteProvider } from '../../cli/commands/provider/delete.ts'
import { listProviders } from '../../cli/commands/provider/list.ts'
import { showProvider } from '../../cli/commands/provider/show.ts'
import { updateProvider } from '../../cli/commands/provider/update.ts'
import { temporaryFolder } from '../support/git-fixture.ts'
import { fakeWorld, json, noInput } from './fakes.ts'

const EVIL = '\u001b]52;c;aGk=\u0007'
const provider = {
  ...{ id: 'p1', name: 'main', wire: 'responses', baseUrl: `https://a.test/${EVIL}`, hasKey: true, keyHeader: null },
  ...{ internal: false, models: ['m'], features: [], maxOutputTokens: 10, concurrency: 2, idleMs: 1000, totalMs: 2000 },
  ...{ budgetTokens: null, isDefault: true, createdAt: '', updatedAt: '2026-01-01T00:00:00.000Z' },
}
const stdin = (text: string) => ({ stdin: noInput({ read: async () => text }) })

test('provider add reads the key from standard input, and sends what the flags say', async () => {
  const world = fakeWorld({ 'POST /providers': json(provider, 201) }, stdin('sk-key\n'))
  const flags = ['main', '--wire', 'responses', '--url', 'https://a.test/v1', '--key-file', '-', '--model', 'm']
  const more = ['--feature', 'mcp', '--max-output', '10', '--idle', '60', '--budget', '5000', '--default', '--internal']
  expect(await addProvider.run([...flags, ...more, '--key-header', 'authorization: Token'], world.context)).toBe(0)
  expect(world.calls[0]?.body).toEqual({
    ...{ name: 'main', wire: 'responses', baseUrl: 'https://a.test/v1', key: 'sk-key', models: ['m'] },
    ...{ features: ['mcp'], maxOutputTokens: 10, idleMs: 60_000, budgetTokens: 5000, isDefault: true, internal: true },
    keyHeader: { name: 'authorization', prefix: 'Token ' },
  })
  expect(world.out() + world.err()).not.toContain('sk-key')
})

test('provider add reads the key from a file', async () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'key'), 'sk-file\r\n')
  const world = fakeWorld({ 'POST /providers': json(provider, 201) }, { cwd: folder.path })
  await addProvider.run(['main', '--wire', 'chat', '--url', 'https://a.test', '--key-file', 'key'], world.context)
  expect(world.calls[0]?.body).toMatchObject({ key: 'sk-file' })
})

test.each([
  [['main', '--url', 'https://a.test'], '--wire is missing'],
  [['main', '--wire', 'chat'], '--url is missing'],
  [['main', '--wire', 'x', '--url', 'https://a.test'], 'one of responses'],
  [['main', '--wire', 'chat', '--url', 'https://a.test', '--key', 'sk-secret'], 'no option --key'],
  [['main', '--wire', 'chat', '--url', 'u', '--key-file', '/nowhere/key'], 'no such file'],
  [['main', '--wire', 'chat', '--url', 'u', '--key-file', '-'], 'is empty'],
  [['main', '--wire', 'chat', '--url', 'u', '--internal', '--external'], 'together'],
])('provider add %j is wrong use and asks the server nothing', async (argv, message) => {
  const world = fakeWorld({}, stdin(''))
  await expect(addProvider.run(argv, world.context)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining(message) as unknown,
  })
  expect(world.calls).toEqual([])
})

test('provider update takes away what is named empty, and leaves the rest', async () => {
  const world = fakeWorld({ 'PATCH /providers/main': json(provider) })
  const argv = ['main', '--key-file', '', '--model', '', '--budget', '', '--key-header', '', '--rename', 'other']
  expect(await updateProvider.run(argv, world.context)).toBe(0)
  expect(world.calls[0]?.body).toEqual({ key: null, models: [], budgetTokens: null, keyHeader: null, name: 'other' })
})

test('provider update without a change is wrong use', async () => {
  await expect(updateProvider.run(['main'], fakeWorld().context)).rejects.toMatchObject({ exitCode: 2 })
})

test('provider list and show neutralise what they print, and say that there is a key', async () => {
  const world = fakeWorld({ 'GET /providers': json({ data: [provider] }), 'GET /providers/main': json(provider) })
  await listProviders.run([], world.context)
  await showProvider.run(['main'], world.context)
  expect(world.out()).toContain('https://a.test/\\x1b]52')
  expect(world.out()).not.toContain('\u001b]')
  expect(world.out()).toMatch(/key +set/)
  const machine = fakeWorld({ 'GET /providers': json({ data: [provider] }) })
  await listProviders.run(['--json'], machine.context)
  expect(JSON.parse(machine.out())).toEqual({ data: [provider] })
  expect(machine.out()).not.toContain('\u001b')
})

test('provider and credential delete ask for exactly what is named', async () => {
  const world = fakeWorld({
    'DELETE /providers/a%2Fb': () => new Response(null, { status: 204 }),
    'DELETE /credentials/npm': () => new Response(null, { status: 204 }),
  })
  expect(await deleteProvider.run(['a/b', '--json'], world.context)).toBe(0)
  expect(JSON.parse(world.out())).toEqual({ deleted: 'a/b' })
  expect(await deleteCredential.run(['npm'], world.context)).toBe(0)
})

test('credential set sends the value and shows it nowhere', async () => {
  const stored = { id: 'c', name: 'npm', header: 'x-key', createdAt: '', updatedAt: '2026-01-01T00:00:00.000Z' }
  const world = fakeWorld({ 'PUT /credentials/npm': json(stored) }, stdin('Bearer s3cret\n'))
  await setCredential.run(['npm', '--header', 'x-key', '--value-file', '-'], world.context)
  expect(world.calls[0]?.body).toEqual({ header: 'x-key', value: 'Bearer s3cret' })
  expect(world.out() + world.err()).not.toContain('s3cret')
  await expect(setCredential.run(['npm'], world.context)).rejects.toMatchObject({ exitCode: 2 })
  const listed = fakeWorld({ 'GET /credentials': json({ data: [stored] }) })
  await listCredentials.run([], listed.context)
  expect(listed.out()).toContain('npm   x-key   2026-01-01 00:00')
})
