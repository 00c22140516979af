import { expect, test } from 'vitest'
import { limitedGit } from '../../../forge/git.ts'
import { baseTrees } from '../../../runner/workspace/base-trees.ts'
import { git, makeOrigin, temporaryFolder } from '../../support/git-fixture.ts'

const NEVER = new AbortController().signal
const PATH = process.env.PATH ?? ''

test('baseTrees() knows which trees are plain, and asks once for each commit', async () => {
  using folder = temporaryFolder()
  const origin = makeOrigin(folder.path)
  const plain = origin.commit({ 'a/b.txt': 'one\n', 'gitattributes.txt': 'no attributes\n' })
  const attributes = origin.commit({ 'a/.gitattributes': '*.bin filter=lfs\n' })
  origin.commit({ 'a/.gitattributes': null })
  git(origin.work, 'update-index', '--add', '--cacheinfo', `160000,${plain},module`)
  git(origin.work, 'commit', '-q', '-m', 'A submodule')
  git(origin.work, 'push', '-q', 'origin', 'HEAD')
  const submodule = git(origin.work, 'rev-parse', 'HEAD')
  let calls = 0
  const hostGit = limitedGit(PATH)
  const trees = baseTrees({ git: (...given) => (calls++, hostGit(...given)) })
  const treeOf = (commit: string) => trees({ store: origin.bare }, { commit, branch: 'main' }, NEVER)

  expect(await treeOf(plain)).toEqual({ id: git(origin.bare, 'rev-parse', `${plain}^{tree}`), isPlain: true })
  const once = calls
  expect((await treeOf(plain)).isPlain).toBe(true)
  expect(calls).toBe(once)
  expect((await treeOf(attributes)).isPlain).toBe(false)
  expect((await treeOf(submodule)).isPlain).toBe(false)
})

test('baseTrees() rejects for a commit that the mirror lacks', async () => {
  using folder = temporaryFolder()
  const { bare } = makeOrigin(folder.path)
  const trees = baseTrees({ git: limitedGit(PATH) })
  const missing = trees({ store: bare }, { commit: 'a'.repeat(40), branch: 'main' }, NEVER)
  await expect(missing).rejects.toMatchObject({ reason: 'collect-failed' })
})
