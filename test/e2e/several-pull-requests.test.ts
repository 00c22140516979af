import { expect, test } from 'vitest'
import { git } from '../support/git-fixture.ts'
import { TOKEN, githubWorld, publish, runTask } from '../support/github-world.ts'
import type { AttemptJson } from '../support/server.ts'

type Changes = {
  changes: (Pick<AttemptJson, 'branch' | 'commit' | 'publish' | 'pullRequest'> & { repository: string })[]
}

test('each repository gets its own pull request, one that is refused keeps the others not, and is asked for again alone', async () => {
  await using world = await githubWorld()
  await using server = await world.serve()
  const { fake, repository: app } = world
  const added = ['web', 'docs'].map((name) => {
    const writers = name === 'web' ? ['ada'] : []
    const repository = fake.addRepository(`acme/${name}`, { writers, defaultBranch: 'trunk' })
    git(app.path, 'push', '-q', repository.path, 'main:trunk')
    return repository
  })
  const made = await server.call('POST', '/environments', {
    ...{ name: 'three', repository: 'acme/app', image: 'base', publish: 'pull-request' },
    repositories: [{ repository: 'acme/web' }, { repository: 'acme/docs', name: 'handbook' }],
  })
  expect(made).toMatchObject({ status: 201 })

  const ran = await runTask(server, 'three', 'for each in web handbook; do echo hello > $each/hello.txt; done')
  const told = ran.attempt as AttemptJson & Changes
  const url = (name: string) => `${fake.webUrl}/acme/${name}/pull/`
  expect(told).toMatchObject({ state: 'succeeded', commit: null, pullRequest: null, publish: { state: 'failed' } })
  expect(told.publish.reason).toMatch(/^handbook: Cannot/)
  expect(told.changes).toMatchObject([
    { repository: 'app', commit: null, publish: { state: 'none' }, pullRequest: null },
    { repository: 'web', publish: { state: 'published', reason: null } },
    { repository: 'handbook', publish: { state: 'failed' }, pullRequest: null },
  ])
  expect(told.changes[1]?.pullRequest?.url).toContain(url('web'))
  expect(fake.state.pulls).toMatchObject([{ base: 'trunk', head: told.changes[1]?.branch, state: 'open' }])

  const before = fake.requests.length
  added[1]?.writers.add('ada')
  const again = (await publish(server, ran)) as AttemptJson & Changes
  expect(again.publish).toEqual({ state: 'published', reason: null })
  expect(again.changes[2]?.pullRequest?.url).toContain(url('docs'))
  expect(fake.state.pulls).toHaveLength(2)
  expect(git(added[1]?.path ?? '', 'rev-parse', again.changes[2]?.branch ?? '')).toBe(again.changes[2]?.commit)
  expect(fake.requests.slice(before).filter((line) => line.includes('/web'))).toEqual([])
  expect(JSON.stringify(again)).not.toContain(TOKEN)
  expect(fake.violations).toEqual([])
})
