import { expect, test } from 'vitest'
import { badName, isGitFile } from '../../../runner/workspace/names.ts'

const bytes = (text: string) => Buffer.from(text).toString('latin1')

test.each([
  '.git',
  'a/.git/config',
  '.GIT',
  '.Git/hooks/x',
  'git~1',
  'GIT~1/config',
  '.git.',
  '.git ',
  '.git . .',
  '.git::$INDEX_ALLOCATION',
  '.git\\config',
  'a\\.git\\config',
  '.g\u200cit/config',
  '\ufeff.git',
  '..',
  'a/../b',
  'a/./b',
  'a//b',
  '/a',
  'a/',
  '',
  '..\\x',
  'a\\..\\x',
  'x'.repeat(4096),
])('badName() refuses %j', (name) => {
  expect(badName(bytes(name))).toBeTypeOf('string')
})

test.each([
  '.gitignore',
  '.github/workflows/ci.yml',
  'git',
  'a.git',
  '.git2',
  'git~2',
  '...',
  '..a',
  'a\\b',
  'new\nline',
  '"quoted"',
  '-dash',
  'con',
  'a:b',
  'a b ',
])('badName() takes %j', (name) => {
  expect(badName(bytes(name))).toBeUndefined()
})

test('badName() takes names that are no text', () => {
  expect(badName('bad\xff\xfe/\x01')).toBeUndefined()
})

test.each([
  ['.gitmodules', true],
  ['.GITMODULES', true],
  ['gitmod~1', true],
  ['GITMOD~4', true],
  ['.git\u200dmodules', true],
  ['.gitmodules .', true],
  ['.gitmodules:$DATA', true],
  ['gitmodules', false],
  ['.gitmodules2', false],
  ['.gitignore', false],
])('isGitFile() on %j as .gitmodules is %s', (name, is) => {
  expect(isGitFile(bytes(name), '.gitmodules')).toBe(is)
})
