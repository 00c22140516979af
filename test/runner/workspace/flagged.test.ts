import { expect, test } from 'vitest'
import { escapes, whyFlagged } from '../../../runner/workspace/flagged.ts'

test.each([
  ['.github/workflows/ci.yml', 'continuous integration'],
  ['.github/workflows/deep/er.yml', 'continuous integration'],
  ['.GitHub/Workflows/ci.yml', 'continuous integration'],
  ['.gitlab-ci.yml', 'continuous integration'],
  ['Jenkinsfile', 'continuous integration'],
  ['.husky/pre-commit', 'git hook'],
  ['.vscode/tasks.json', 'run by an editor'],
  ['packages/a/.vscode/tasks.json', 'run by an editor'],
  ['.envrc', 'run by a shell'],
  ['sub/.envrc', 'run by a shell'],
  ['AGENTS.md', 'instructions for agents'],
  ['docs/CLAUDE.md', 'instructions for agents'],
  ['.claude/settings.json', 'instructions for agents'],
  ['.drydock/environment.yml', 'instructions for agents'],
  ['x.code-workspace', 'run by an editor'],
  ['.github', undefined],
  ['.github/ISSUE_TEMPLATE/bug.md', undefined],
  ['docs/.github/workflows/ci.yml', undefined],
  ['src/agents.ts', undefined],
  ['AGENTS.md.txt', undefined],
  ['xgitlab-ci.yml', undefined],
  ['my.envrc', undefined],
  ['src/main.ts', undefined],
  ['package.json', undefined],
])('whyFlagged() on %s is %s', (path, why) => {
  expect(whyFlagged(path)).toBe(why)
})

test.each([
  ['link', '/etc/passwd', true],
  ['link', '../outside', true],
  ['a/b/link', '../../../outside', true],
  ['a/link', '../b/../../x', true],
  ['a/b/link', '../../inside', false],
  ['link', 'a/../b', false],
  ['link', './x', false],
  ['link', 'C:\\windows', true],
  ['link', '\\\\server\\share', true],
])('escapes() for %s -> %s is %s', (path, target, is) => {
  expect(escapes(path, target)).toBe(is)
})
