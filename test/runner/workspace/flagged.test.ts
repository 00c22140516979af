import { expect, test } from 'vitest'
import { escapes, flaggedLink, whyFlagged } from '../../../runner/workspace/flagged.ts'

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
  ['.vscode/mcp.json', 'run by an editor'],
  ['sub/.vscode', 'run by an editor'],
  // On a Mac the long s is an s, and HFS+ takes no notice of joiners; Windows drops what follows a name.
  ['.v\u017fcode/tasks.json', 'run by an editor'],
  ['.vs\u200dcode/tasks.json', 'run by an editor'],
  ['.vscode./tasks.json', 'run by an editor'],
  ['.github/workflows /ci.yml', 'continuous integration'],
  ['crates/a/.cargo/config.toml', 'read by package managers'],
  ['.yarn/releases/yarn-4.cjs', 'read by package managers'],
  ['src/.gitattributes', 'decides what a review shows'],
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
  // `a` may be a symlink itself: what lies above its target is anywhere.
  ['link', 'a/../b', true],
  ['link', 'folder/up/..', true],
  ['link', '..\\..\\x', true],
  ['link', './x', false],
  ['link', 'C:\\windows', true],
  ['link', '\\\\server\\share', true],
])('escapes() for %s -> %s is %s', (path, target, is) => {
  expect(escapes(path, target)).toBe(is)
})

test.each([
  ['.github', 'forge', 'symlink in place of a folder with files that run by themselves'],
  ['sub/.Config', '../config', 'symlink in place of a folder with files that run by themselves'],
  ['out.txt', '.git/hooks/post-checkout', 'symlink into the folder of git itself'],
  ['A', '.GIT', 'symlink into the folder of git itself'],
  ['a/link', '../../x', 'symlink to a place outside of the repository'],
  ['docs', 'documentation', undefined],
  ['link', '.gitignore', undefined],
])('flaggedLink() for %s -> %s is %s', (path, target, why) => {
  expect(flaggedLink(path, target)?.why).toBe(why)
})
