import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { applyPatch } from '../../cli/apply-patch.ts'

function repository() {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-apply-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: folder, encoding: 'buffer' })
  git('init', '-q', '-b', 'main')
  mkdirSync(join(folder, 'sub'))
  writeFileSync(join(folder, 'a.txt'), 'one\ntwo\nthree\n')
  writeFileSync(join(folder, 'sub', 'b.txt'), 'b\n')
  git('add', '-A')
  git('commit', '-qm', 'start')
  return {
    folder,
    git,
    write: (path: string, text: string | Buffer) => writeFileSync(join(folder, path), text),
    read: (path: string) => readFileSync(join(folder, path), 'utf8'),
  }
}

/** The patch of a change, which is undone again. */
function patchOf({ git }: Pick<ReturnType<typeof repository>, 'git'>, change: () => void): Uint8Array {
  change()
  git('add', '-A')
  const patch = git('diff', '--cached', '--binary', '--full-index')
  git('reset', '-q', '--hard')
  return patch
}

test('applyPatch() applies text, binary, new and deleted files to the whole tree, from a folder in it', async () => {
  const repo = repository()
  const patch = patchOf(repo, () => {
    repo.write('a.txt', 'one\n2\nthree\n')
    repo.write('new.bin', Buffer.from([0, 255, 1]))
    rmSync(join(repo.folder, 'sub', 'b.txt'))
  })
  mkdirSync(join(repo.folder, 'other'))
  const top = await applyPatch(patch, { cwd: join(repo.folder, 'other'), threeWay: false })
  expect(top).toBe(repo.folder)
  expect(repo.read('a.txt')).toBe('one\n2\nthree\n')
  expect(readFileSync(join(repo.folder, 'new.bin'))).toEqual(Buffer.from([0, 255, 1]))
  expect(existsSync(join(repo.folder, 'sub', 'b.txt'))).toBe(false)
})

test.each([false, true])(
  'applyPatch() with threeWay %s changes nothing when one file does not fit',
  async (threeWay) => {
    const repo = repository()
    const patch = patchOf(repo, () => {
      repo.write('a.txt', 'one\n2\nthree\n')
      repo.write('sub/b.txt', 'better\n')
    })
    repo.write('a.txt', 'one\nzwei\nthree\n')
    repo.git('commit', '-qam', 'moved on')
    await expect(applyPatch(patch, { cwd: repo.folder, threeWay })).rejects.toMatchObject({
      code: 'patch-does-not-apply',
      exitCode: 1,
      message: expect.stringMatching(/^Cannot apply to .*a\.txt.*Nothing was changed\./),
    })
    expect(repo.git('status', '--porcelain').toString()).toBe('')
  },
)

test('applyPatch() merges with threeWay where files have moved on', async () => {
  const repo = repository()
  const patch = patchOf(repo, () => repo.write('a.txt', 'one\ntwo\nTHREE\n'))
  repo.write('a.txt', 'zero\nzero\nzero\nzero\none\ntwo\nthree\n')
  repo.git('commit', '-qam', 'moved on')
  await applyPatch(patch, { cwd: repo.folder, threeWay: true })
  expect(repo.read('a.txt')).toBe('zero\nzero\nzero\nzero\none\ntwo\nTHREE\n')
})

test.each([
  [
    'into .git',
    'diff --git a/.git/hooks/x b/.git/hooks/x\nnew file mode 100755\n--- /dev/null\n+++ b/.git/hooks/x\n@@ -0,0 +1 @@\n+evil\n',
  ],
  [
    'above the tree',
    'diff --git a/../x b/../x\nnew file mode 100644\n--- /dev/null\n+++ b/../x\n@@ -0,0 +1 @@\n+evil\n',
  ],
  [
    'into .git by an HFS name',
    'diff --git a/.g\u200cit/x b/.g\u200cit/x\nnew file mode 100644\n--- /dev/null\n+++ b/.g\u200cit/x\n@@ -0,0 +1 @@\n+evil\n',
  ],
])('applyPatch() refuses a patch %s', async (_, patch) => {
  const repo = repository()
  await expect(
    applyPatch(new TextEncoder().encode(patch), { cwd: repo.folder, threeWay: false }),
  ).rejects.toMatchObject({
    code: 'patch-does-not-apply',
  })
  expect(existsSync(join(repo.folder, '.git', 'hooks', 'x'))).toBe(false)
  expect(existsSync(join(repo.folder, '..', 'x'))).toBe(false)
})

test('applyPatch() runs no hook of the repository', async () => {
  const repo = repository()
  const marker = join(repo.folder, '..', `${repo.folder.split('/').at(-1)}-ran`)
  onTestFinished(() => rmSync(marker, { force: true }))
  const patch = patchOf(repo, () => repo.write('a.txt', 'changed\n'))
  mkdirSync(join(repo.folder, 'hooks'))
  writeFileSync(join(repo.folder, 'hooks', 'post-index-change'), `#!/bin/sh\ntouch ${marker}\n`, { mode: 0o755 })
  writeFileSync(join(repo.folder, 'hooks', 'monitor'), `#!/bin/sh\ntouch ${marker}\nexit 1\n`, { mode: 0o755 })
  repo.git('config', 'core.hooksPath', join(repo.folder, 'hooks'))
  repo.git('config', 'core.fsmonitor', join(repo.folder, 'hooks', 'monitor'))
  await applyPatch(patch, { cwd: repo.folder, threeWay: true })
  expect(existsSync(marker)).toBe(false)
  // The control: the same repository does run it for a plain git.
  repo.git('add', '-A')
  expect(existsSync(marker)).toBe(true)
})

test('applyPatch() says so outside of a work tree', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-apply-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  await expect(applyPatch(new Uint8Array([1]), { cwd: folder, threeWay: false })).rejects.toMatchObject({
    exitCode: 2,
    code: 'not-a-work-tree',
  })
})
