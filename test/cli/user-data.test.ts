import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { deleteUser } from '../../cli/commands/user/delete.ts'
import { exportUser } from '../../cli/commands/user/export.ts'
import { temporaryFolder } from '../support/git-fixture.ts'
import { fakeWorld, json } from './fakes.ts'

const ada = { id: 'u1', name: 'Ada', email: 'Ada@example.test' }
const people = json({ data: [ada, { id: 'u2', name: 'Bob', email: 'bob@example.test' }] })
const LINES = '{"type":"person"}\n{"type":"task"}\n'

test('user export writes a new file that only its maker reads', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'ada.jsonl')
  const world = fakeWorld(
    { 'GET /users': people, 'GET /users/u1/export': () => new Response(LINES) },
    { cwd: folder.path },
  )
  expect(await exportUser.run(['ada@example.test', '--output', 'ada.jsonl'], world.context)).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe(LINES)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(world.err()).toBe(`Wrote 2 records about Ada to ${file}.\n`)
  writeFileSync(file, 'mine')
  await expect(exportUser.run(['u1', '-o', file], world.context)).rejects.toThrow('it is there already')
  expect(readFileSync(file, 'utf8')).toBe('mine')
})

test('user export leaves no part of a file behind', async () => {
  using folder = temporaryFolder()
  const broken = new ReadableStream({
    pull: (controller) => controller.error(new Error('the line was cut')),
  })
  const world = fakeWorld({ 'GET /users': people, 'GET /users/u1/export': () => new Response(broken) })
  const file = join(folder.path, 'x')
  await expect(exportUser.run(['u1', '--output', file], world.context)).rejects.toThrow()
  expect(() => statSync(file)).toThrow('ENOENT')
})

test('user delete asks for --yes, and then deletes whom the e-mail names', async () => {
  const deleted = () => new Response(null, { status: 204 })
  const world = fakeWorld({ 'GET /users': people, 'DELETE /users/u1': deleted })
  await expect(deleteUser.run(['ada@example.test'], world.context)).rejects.toThrow('without --yes')
  expect(world.calls.map(({ method }) => method)).toEqual(['GET'])
  expect(await deleteUser.run(['ada@example.test', '--yes'], world.context)).toBe(0)
  expect(world.err()).toBe('Deleted Ada <Ada@example.test>.\n')
})

test.each([
  ['nobody@example.test', [ada], 'Cannot find user'],
  ['ada@example.test', [ada, { ...ada, id: 'u3' }], 'name one by its id, of u1, u3'],
])('user delete %s among %j is no guess', async (wanted, data, sentence) => {
  const world = fakeWorld({ 'GET /users': json({ data }) })
  await expect(deleteUser.run([wanted, '--yes'], world.context)).rejects.toThrow(sentence)
})
