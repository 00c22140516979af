import { appendFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { refState } from '../../forge/ref-state.ts'
import { git, makeOrigin, temporaryFolder } from '../support/git-fixture.ts'
import type { Origin } from '../support/git-fixture.ts'

let origin: Origin

beforeEach(() => {
  const folder = temporaryFolder()
  origin = makeOrigin(folder.path)
  return () => folder[Symbol.dispose]()
})

/** What it says a second later, when the last change is long enough ago to tell. */
async function settled(): Promise<string> {
  const state = await refState(origin.bare, Date.now() + 1000)
  if (state === undefined) throw new Error('nothing can be told')
  return state
}

test('refState() is the same while nothing changes, and undefined right after a change', async () => {
  const before = await settled()
  expect(await settled()).toBe(before)
  origin.commit({ 'a.txt': 'a\n' })
  const { ctimeMs } = statSync(join(origin.bare, 'refs/heads/main'))
  expect(await refState(origin.bare, ctimeMs + 50)).toBeUndefined()
  expect(await settled()).not.toBe(before)
})

test.each<[string, (bare: string) => void]>([
  ['a branch that is new', (bare) => git(bare, 'update-ref', 'refs/heads/a/b/c', 'main')],
  ['a branch that moves', (bare) => git(bare, 'update-ref', 'refs/heads/side', 'main')],
  ['a branch that goes', (bare) => git(bare, 'update-ref', '-d', 'refs/heads/side')],
  ['a tag', (bare) => git(bare, 'tag', 'v1', 'main')],
  ['another default branch', (bare) => git(bare, 'symbolic-ref', 'HEAD', 'refs/heads/side')],
  ['refs that are packed', (bare) => git(bare, 'pack-refs', '--all')],
  ['refs that are hidden', (bare) => git(bare, 'config', 'transfer.hideRefs', 'refs/heads/side')],
])('refState() is another one after %s', async (_what, change) => {
  git(origin.bare, 'update-ref', 'refs/heads/side', origin.commit({ 'a.txt': 'a\n' }))
  origin.commit({ 'b.txt': 'b\n' })
  const before = await settled()
  change(origin.bare)
  expect(await settled()).not.toBe(before)
})

test('refState() is another one for a ref that was overwritten with the same size and time', async () => {
  const first = git(origin.bare, 'rev-parse', 'main')
  const second = origin.commit({ 'a.txt': 'a\n' })
  const ref = join(origin.bare, 'refs/heads/main')
  const at = new Date(1_700_000_000_000)
  utimesSync(ref, at, at)
  const before = await settled()
  writeFileSync(ref, `${first === second ? second : first}\n`)
  utimesSync(ref, at, at)
  expect(await settled()).not.toBe(before)
})

test('refState() says nothing where settings come from elsewhere or refs are kept in another way', async () => {
  await settled()
  appendFileSync(join(origin.bare, 'config'), '[include]\n\tpath = /elsewhere\n')
  expect(await refState(origin.bare, Date.now() + 1000)).toBeUndefined()
  git(origin.bare, 'config', '--remove-section', 'include')
  await settled()
  writeFileSync(join(origin.bare, 'commondir'), '../other\n')
  expect(await refState(origin.bare, Date.now() + 1000)).toBeUndefined()
  rmSync(join(origin.bare, 'commondir'))
})
