import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createMirrors } from '../../forge/mirror.ts'
import { git, makeOrigin, temporaryFolder } from '../support/git-fixture.ts'

const { signal } = new AbortController()
const PERSON = { name: 'Ada', email: 'ada@example.com' }

test('push() moves a branch on from the commit that it replaces, and from no other', async () => {
  using folder = temporaryFolder()
  const { bare } = makeOrigin(folder.path)
  const path = process.env.PATH ?? ''
  const options = { folder: join(folder.path, 'mirrors'), repositoryRoots: [folder.path], allowedHosts: [], path }
  const mirrors = createMirrors(options)
  const remote = { forge: 'git' as const, address: bare }
  await using view = await mirrors.open(remote, signal)
  const base = { tree: git(bare, 'rev-parse', 'main^{tree}'), author: PERSON, committer: PERSON, date: new Date(0) }
  const commit = (parent: string, message: string) => mirrors.commit(view, { ...base, parent, message })
  const push = (id: string, replaces?: string) =>
    mirrors.push(view, remote, { commit: id, branch: 'drydock/x', ...(replaces !== undefined && { replaces }) }, signal)

  const first = await commit(git(bare, 'rev-parse', 'main'), 'First')
  expect(await push(first)).toEqual({ kind: 'pushed' })
  const second = await commit(first, 'Second')
  expect(await push(second, first)).toEqual({ kind: 'pushed' })
  // As after an answer that was lost.
  expect(await push(second, first)).toEqual({ kind: 'pushed' })
  const late = await commit(first, 'Late')
  expect(await push(late, first)).toEqual({ kind: 'taken', at: second })
  expect(await push(late)).toEqual({ kind: 'taken', at: second })
  expect(git(bare, 'rev-parse', 'drydock/x')).toBe(second)
})
