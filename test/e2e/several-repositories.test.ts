import { basename } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bareRepository, gitIn, testServer } from '../support/server.ts'
import type { AttemptJson, TaskJson, TestServer } from '../support/server.ts'

type ChangeJson = Pick<AttemptJson, 'branch' | 'commit' | 'publish' | 'flagged'> & {
  repository: string
  baseCommit: string
  stats: { files: number }
}
type Attempt = AttemptJson & { changes: [ChangeJson, ChangeJson] }

let server: TestServer
let shop: string
let site: string
/** The folder of the first repository. */
let first: string

beforeAll(async () => {
  server = await testServer()
  shop = await bareRepository(server.folder, { 'README.md': '# Shop\n', 'price.txt': '1\n' })
  site = await bareRepository(server.folder, { 'README.md': '# Site\n' })
  first = basename(shop, '.git')
  const made = await server.call('POST', '/environments', {
    ...{ name: 'both', repository: shop, repositories: [{ repository: site, name: 'site' }] },
    ...{ image: 'base', publish: 'branch' },
  })
  expect(made).toMatchObject({ status: 201, body: { repositories: [{ name: 'site', address: site }] } })
})
afterAll(() => server[Symbol.asyncDispose]())

async function run(prompt: string, changes: Record<string, unknown> = {}): Promise<{ id: string; attempt: Attempt }> {
  const created = await server.call<TaskJson>('POST', '/tasks', {
    ...{ environment: 'both', mode: 'code', prompt, ...changes },
  })
  expect(created).toMatchObject({ status: 201 })
  return ended(created.body.id)
}

async function ended(id: string) {
  const { turns } = await server.finished(id)
  return { id, attempt: turns.at(-1)?.attempts[0] as Attempt }
}

const diffOf = async ({ id }: Attempt, query = '') =>
  (await server.call<string>('GET', `/attempts/${id}/diff${query}`)).body

test('an agent changes two repositories side by side, and each gets its diff, its commit and its branch', async () => {
  const { attempt } = await run(
    [
      'set -eu; test "$(pwd)" = /workspace',
      `echo 2 > ${first}/price.txt`,
      'echo new > site/news.txt; git -C site add -A; git -C site commit -qm own',
      'git -C site log --oneline; echo outside > outside.txt',
    ].join('\n'),
  )
  expect(attempt).toMatchObject({ message: null, state: 'succeeded', publish: { state: 'published', reason: null } })
  expect(attempt.changes).toMatchObject([
    { repository: first, stats: { files: 1 }, publish: { state: 'published' } },
    { repository: 'site', stats: { files: 1 }, publish: { state: 'published' } },
  ])
  for (const [origin, change] of [
    [shop, attempt.changes[0]],
    [site, attempt.changes[1]],
  ] as const) {
    expect((await gitIn(origin, 'rev-parse', change.branch ?? '')).trim()).toBe(change.commit)
    expect((await gitIn(origin, 'rev-parse', `${change.branch}^`)).trim()).toBe(change.baseCommit)
    expect((await gitIn(origin, 'rev-parse', 'main')).trim()).toBe(change.baseCommit)
  }
  expect(await gitIn(shop, 'show', `${attempt.branch}:price.txt`)).toBe('2\n')
  expect(await gitIn(site, 'show', `${attempt.branch}:news.txt`)).toBe('new\n')
  expect(await diffOf(attempt)).toBe(await diffOf(attempt, `?repository=${first}`))
  expect(await diffOf(attempt)).toContain('+++ b/price.txt')
  expect(await diffOf(attempt, '?repository=site')).toContain('+++ b/news.txt')
  expect(await diffOf(attempt, '?repository=site')).not.toContain('price.txt')
})

test('a change in one repository publishes that one alone', async () => {
  const { attempt } = await run('echo more >> site/README.md')
  expect(attempt).toMatchObject({
    state: 'succeeded',
    diff: { files: 0 },
    commit: null,
    publish: { state: 'published' },
  })
  expect(attempt.changes).toMatchObject([
    { commit: null, branch: null, publish: { state: 'none' } },
    { publish: { state: 'published' } },
  ])
  const branch = attempt.changes[1].branch ?? ''
  expect((await gitIn(site, 'rev-parse', branch)).trim()).toBe(attempt.changes[1].commit)
  expect(await gitIn(shop, 'branch', '--list', branch)).toBe('')
})

test("one repository's git metadata does not come into the other's change, whatever the agent does with it", async () => {
  const { attempt } = await run(
    [
      `cp -r site/.git ${first}/taken && mv ${first}/taken ${first}/nested && mkdir ${first}/inner`,
      `mv ${first}/nested ${first}/inner/.git && echo x > ${first}/inner/file.txt`,
      `rm -rf ${first}/.git && ln -s ../site/.git ${first}/.git`,
      `git -C ${first} config core.worktree /workspace/site`,
      'echo y > site/file.txt',
    ].join('\n'),
  )
  expect(attempt).toMatchObject({ message: null, state: 'succeeded' })
  const tree = (origin: string) => gitIn(origin, 'ls-tree', '-r', '--name-only', attempt.branch ?? '')
  expect(await tree(shop)).toBe('README.md\ninner/file.txt\nprice.txt\n')
  expect(await tree(site)).toBe('README.md\nfile.txt\n')
})

test('a follow-up goes on in both repositories', async () => {
  const { id } = await run(`echo 3 > ${first}/price.txt; echo a > site/a.txt`)
  const more = await server.call('POST', `/tasks/${id}/turns`, {
    prompt: `cat ${first}/price.txt site/a.txt > site/seen.txt; echo b > site/b.txt`,
  })
  expect(more).toMatchObject({ status: 201 })
  const { attempt } = await ended(id)
  expect(attempt).toMatchObject({ message: null, state: 'succeeded', publish: { state: 'published' } })
  expect(attempt.changes.map(({ stats }) => stats.files)).toEqual([1, 3])
  expect(await gitIn(site, 'show', `${attempt.branch}:seen.txt`)).toBe('3\na\n')
})

test('set-up and maintenance find all repositories, and set-up is cached with them', async () => {
  const scripts = {
    setupScript: `test -f ${first}/README.md && git -C site log --oneline && echo made > site/.made`,
    maintenanceScript: `git -C ${first} status && git -C site status && cat site/.made`,
  }
  expect(await server.call('PATCH', '/environments/both', scripts)).toMatchObject({ status: 200 })
  for (const cache of ['miss', 'hit']) {
    const { attempt } = await run(`cat site/.made > ${first}/made.txt`, { branch: 'main' })
    expect(attempt).toMatchObject({ message: null, start: { cache, sandbox: 'cold' } })
    expect(await gitIn(shop, 'show', `${attempt.branch}:made.txt`)).toBe('made\n')
  }
})

test.each(['../shop', '.git', '/etc', 'a/../../b'])('a repository in a folder called %s is refused', async (name) => {
  const refused = await server.call('POST', '/environments', {
    ...{ name: 'hostile', repository: shop, repositories: [{ repository: site, name }], image: 'base' },
  })
  expect(refused).toMatchObject({ status: 422 })
})
