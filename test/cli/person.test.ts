import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { deletePerson } from '../../cli/commands/person/delete.ts'
import { exportPerson } from '../../cli/commands/person/export.ts'
import { temporaryFolder } from '../support/git-fixture.ts'
import { fakeWorld, json } from './fakes.ts'

const ada = { id: 'u1', name: 'Ada', email: 'Ada@example.test' }
const people = json({ data: [ada, { id: 'u2', name: 'Bob', email: 'bob@example.test' }] })
const LINES = '{"type":"person"}\n{"type":"task"}\n'

test('person export writes a new file that only its maker reads', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'ada.jsonl')
  const world = fakeWorld(
    { 'GET /users': people, 'GET /users/u1/export': () => new Response(LINES) },
    { cwd: folder.path },
  )
  expect(await exportPerson.run(['ada@example.test', '--output', 'ada.jsonl'], world.context)).toBe(0)
  expect(readFileSync(file, 'utf8')).toBe(LINES)
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(world.err()).toBe(`Wrote 2 records about Ada to ${file}.\n`)
  writeFileSync(file, 'mine')
  await expect(exportPerson.run(['u1', '-o', file], world.context)).rejects.toThrow('it is there already')
  expect(readFileSync(file, 'utf8')).toBe('mine')
})

test('person export leaves no part of a file behind', async () => {
  using folder = temporaryFolder()
  const broken = new ReadableStream({
    pull: (controller) => controller.error(new Error('the line was cut')),
  })
  const world = fakeWorld({ 'GET /users': people, 'GET /users/u1/export': () => new Response(broken) })
  const file = join(folder.path, 'x')
  await expect(exportPerson.run(['u1', '--output', file], world.context)).rejects.toThrow()
  expect(() => statSync(file)).toThrow('ENOENT')
})

test('person delete asks for --yes, and then deletes whom the e-mail names', async () => {
  const deleted = () => new Response(null, { status: 204 })
  const world = fakeWorld({ 'GET /users': people, 'DELETE /users/u1': deleted })
  await expect(deletePerson.run(['ada@example.test'], world.context)).rejects.toThrow('without --yes')
  expect(world.calls.map(({ method }) => method)).toEqual(['GET'])
  expect(await deletePerson.run(['ada@example.test', '--yes'], world.context)).toBe(0)
  expect(world.err()).toBe('Deleted Ada <Ada@example.test>.\n')
})

test.each([
  ['nobody@example.test', [ada], 'nobody has that id or e-mail'],
  ['ada@example.test', [ada, { ...ada, id: 'u3' }], 'Name one by id: u1, u3'],
])('person delete %s among %j is no guess', async (wanted, data, sentence) => {
  const world = fakeWorld({ 'GET /users': json({ data }) })
  await expect(deletePerson.run([wanted, '--yes'], world.context)).rejects.toThrow(sentence)
})
