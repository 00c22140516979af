import { expect, test } from 'vitest'
import { git } from '../support/git-fixture.ts'
import { TOKEN, githubWorld, publish, runTask } from '../support/github-world.ts'
import type { GitHubWorld } from '../support/github-world.ts'
import type { AttemptJson, TestServer } from '../support/server.ts'

type Changes = {
  changes: (Pick<AttemptJson, 'branch' | 'commit' | 'publish' | 'pullRequest'> & { repository: string })[]
}
type Several = AttemptJson & Changes

/** An environment with `acme/app` and others beside it, whose default branch is `trunk`. */
async function several({ fake, repository }: GitHubWorld, server: TestServer, names: Record<string, string[]>) {
  const added = Object.entries(names).map(([name, writers]) => {
    const other = fake.addRepository(`acme/${name}`, { writers, defaultBranch: 'trunk' })
    git(repository.path, 'push', '-q', other.path, 'main:trunk')
    return other
  })
  const others = Object.keys(names).map((name) => ({ repository: `acme/${name}`, name }))
  const made = await server.call('POST', '/environments', {
    ...{ name: 'several', repository: 'acme/app', image: 'base', publish: 'pull-request', repositories: others },
  })
  expect(made).toMatchObject({ status: 201 })
  return added
}

test('each repository gets its own pull request, one that is refused keeps the others not, and is asked for again alone', async () => {
  await using world = await githubWorld()
  await using server = await world.serve()
  const { fake } = world
  const added = await several(world, server, { web: ['ada'], docs: [] })

  const ran = await runTask(server, 'several', 'for each in web docs; do echo hello > $each/hello.txt; done')
  const told = ran.attempt as Several
  const url = (name: string) => `${fake.webUrl}/acme/${name}/pull/`
  expect(told).toMatchObject({ state: 'succeeded', commit: null, pullRequest: null, publish: { state: 'failed' } })
  expect(told.publish.reason).toMatch(/^docs: Cannot/)
  expect(told.changes).toMatchObject([
    { repository: 'app', commit: null, publish: { state: 'none' }, pullRequest: null },
    { repository: 'web', publish: { state: 'published', reason: null } },
    { repository: 'docs', publish: { state: 'failed' }, pullRequest: null },
  ])
  expect(told.changes[1]?.pullRequest?.url).toContain(url('web'))
  expect(fake.state.pulls).toMatchObject([{ base: 'trunk', head: told.changes[1]?.branch, state: 'open' }])

  const before = fake.requests.length
  added[1]?.writers.add('ada')
  const again = (await publish(server, ran)) as Several
  expect(again.publish).toEqual({ state: 'published', reason: null })
  expect(again.changes[2]?.pullRequest?.url).toContain(url('docs'))
  expect(fake.state.pulls).toHaveLength(2)
  expect(git(added[1]?.path ?? '', 'rev-parse', again.changes[2]?.branch ?? '')).toBe(again.changes[2]?.commit)
  expect(fake.requests.slice(before).filter((line) => line.includes('/web'))).toEqual([])
  expect(JSON.stringify(again)).not.toContain(TOKEN)
  expect(fake.violations).toEqual([])
})

test('a follow-up goes on with the branch and the pull request of each repository, and overwrites nobody', async () => {
  await using world = await githubWorld()
  await using server = await world.serve()
  const { fake, repository: app } = world
  const [web] = await several(world, server, { web: ['ada'] })
  const paths = [app.path, web?.path ?? '']
  const turn = async (taskId: string, prompt: string) => {
    expect(await server.call('POST', `/tasks/${taskId}/turns`, { prompt })).toMatchObject({ status: 201 })
    return (await server.finished(taskId)).turns.at(-1)?.attempts[0] as Several
  }

  const ran = await runTask(server, 'several', 'for each in app web; do echo one > $each/one.txt; done')
  const first = ran.attempt as Several
  expect(first.publish).toEqual({ state: 'published', reason: null })
  const second = await turn(ran.taskId, 'echo two > app/two.txt')
  expect(second.publish).toEqual({ state: 'published', reason: null })
  expect(fake.state.pulls).toHaveLength(2)
  const [appBefore, webBefore] = first.changes
  const [appNow, webNow] = second.changes
  for (const [now, before] of [
    [appNow, appBefore],
    [webNow, webBefore],
  ]) {
    expect(now).toMatchObject({ branch: before?.branch, pullRequest: before?.pullRequest })
  }
  expect(second).toMatchObject({ branch: appNow?.branch, commit: appNow?.commit, pullRequest: appNow?.pullRequest })
  // Where the turn changed nothing, nothing is added.
  expect(webNow?.commit).toBe(webBefore?.commit)
  const historyOf = (path: string) => git(path, 'log', '--format=%H', '-3', first.branch ?? '').split('\n')
  expect(historyOf(app.path).slice(0, 2)).toEqual([appNow?.commit, appBefore?.commit])
  expect(historyOf(paths[1] ?? '')[0]).toBe(webNow?.commit)

  // Somebody pushes to one of them: that one is refused, the other goes on.
  const ours = ['-c', 'user.name=Bo', '-c', 'user.email=bo@example.test']
  const tree = git(app.path, 'rev-parse', `${first.branch}^{tree}`)
  const theirs = git(app.path, ...ours, 'commit-tree', tree, '-p', first.branch ?? '', '-m', 'by hand')
  git(app.path, 'update-ref', `refs/heads/${first.branch}`, theirs)
  const third = await turn(ran.taskId, 'for each in app web; do echo three > $each/three.txt; done')
  expect(third.publish.reason).toMatch(/^app: Cannot push .* those commits are not overwritten/)
  expect(git(app.path, 'rev-parse', first.branch ?? '')).toBe(theirs)
  expect(historyOf(paths[1] ?? '').slice(0, 2)).toEqual([third.changes[1]?.commit, webNow?.commit])
  expect(fake.state.pulls).toHaveLength(2)
  expect(fake.violations).toEqual([])
})
