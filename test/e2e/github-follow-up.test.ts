import { afterAll, beforeAll, expect, test } from 'vitest'
import { git } from '../support/git-fixture.ts'
import { addEnvironment, askForPullRequest, githubWorld, runTask } from '../support/github-world.ts'
import type { GitHubWorld } from '../support/github-world.ts'
import type { AttemptJson, TaskJson, TestServer } from '../support/server.ts'

let world: GitHubWorld
let server: TestServer
beforeAll(async () => {
  world = await githubWorld()
  server = await world.serve()
  for (const mode of ['manual', 'pull-request']) await addEnvironment(server, mode)
})
afterAll(async () => {
  expect(world.fake.violations).toEqual([])
  await server.close()
  await world[Symbol.asyncDispose]()
})

const inOrigin = (...args: string[]) => git(world.repository.path, ...args)
const filesOf = (branch: string | null) => inOrigin('ls-tree', '--name-only', branch ?? '').split('\n')

/** The attempt of a turn, as it is now. */
async function attemptOf(taskId: string, turn: number): Promise<AttemptJson> {
  const attempt = (await server.call<TaskJson>('GET', `/tasks/${taskId}`)).body.turns[turn - 1]?.attempts[0]
  if (!attempt) throw new Error(`the task has no turn ${turn}`)
  return attempt
}

async function followUp(taskId: string, prompt: string): Promise<AttemptJson> {
  expect(await server.call('POST', `/tasks/${taskId}/turns`, { prompt })).toMatchObject({ status: 201 })
  return (await server.finished(taskId)).turns.at(-1)?.attempts[0] as AttemptJson
}

async function publishTurn(taskId: string, turn: number): Promise<AttemptJson> {
  await askForPullRequest(server, await attemptOf(taskId, turn))
  await server.finished(taskId)
  return attemptOf(taskId, turn)
}

test('a second pull request call updates the branch and the pull request of the first', async () => {
  const { taskId } = await runTask(server, 'manual', 'echo one > one.txt')
  const first = await publishTurn(taskId, 1)
  expect(first).toMatchObject({ publish: { state: 'published' }, pullRequest: { number: 1 } })

  await followUp(taskId, 'echo two > two.txt')
  const second = await publishTurn(taskId, 2)
  expect(second).toMatchObject({
    ...{ publish: { state: 'published' }, branch: first.branch, pullRequest: first.pullRequest },
    diff: { files: 2 },
  })
  expect(inOrigin('rev-parse', first.branch ?? '', `${first.branch}^`).split('\n')).toEqual([
    second.commit,
    first.commit,
  ])
  expect(filesOf(first.branch)).toEqual(expect.arrayContaining(['one.txt', 'two.txt']))
  expect(world.fake.state.pulls).toHaveLength(1)

  // Asked again, nothing changes; a third turn goes on from the second.
  const again = await askForPullRequest(server, second)
  expect(again).toMatchObject({ status: 200, body: { commit: second.commit, pullRequest: first.pullRequest } })
  await followUp(taskId, 'rm one.txt')
  const third = await publishTurn(taskId, 3)
  expect(third).toMatchObject({ branch: first.branch, pullRequest: first.pullRequest })
  expect(inOrigin('rev-parse', `${first.branch}^`)).toBe(second.commit)
  expect(filesOf(first.branch)).not.toContain('one.txt')
  expect(world.fake.state.pulls).toHaveLength(1)
})

test('a follow-up of an environment that publishes by itself updates its pull request, too', async () => {
  const { taskId, attempt } = await runTask(server, 'pull-request', 'echo auto > auto.txt')
  const before = world.fake.state.pulls.length
  const second = await followUp(taskId, 'echo more >> auto.txt')
  expect(second).toMatchObject({ publish: { state: 'published' }, pullRequest: attempt.pullRequest })
  expect(inOrigin('rev-parse', `${attempt.branch}^`)).toBe(attempt.commit)
  expect(world.fake.state.pulls).toHaveLength(before)
})

test('commits that somebody pushed in between are never overwritten, and the way out works', async () => {
  const { taskId, attempt } = await runTask(server, 'pull-request', 'echo mine > mine.txt')
  const branch = attempt.branch ?? ''
  const tree = inOrigin('rev-parse', `${branch}^{tree}`)
  const ours = ['-c', 'user.name=Bo', '-c', 'user.email=bo@example.test']
  const theirs = inOrigin(...ours, 'commit-tree', tree, '-p', branch, '-m', 'by hand')
  inOrigin('update-ref', `refs/heads/${branch}`, theirs)

  const refused = await followUp(taskId, 'echo next > next.txt')
  expect(refused).toMatchObject({ state: 'succeeded', publish: { state: 'failed' }, pullRequest: null })
  expect(refused.publish.reason).toMatch(/those commits are not overwritten.*set the branch back/)
  expect(inOrigin('rev-parse', branch)).toBe(theirs)

  inOrigin('update-ref', `refs/heads/${branch}`, attempt.commit ?? '')
  const published = await publishTurn(taskId, 2)
  expect(published).toMatchObject({ publish: { state: 'published' }, branch, pullRequest: attempt.pullRequest })
  expect(inOrigin('rev-parse', branch, `${branch}^`).split('\n')).toEqual([published.commit, attempt.commit])
})

test('a first turn is not published over its follow-up; without the branch a follow-up has its own', async () => {
  const { taskId } = await runTask(server, 'manual', 'echo a > a.txt')
  await followUp(taskId, 'echo b > b.txt')
  // Nothing of the task was published before: a branch of its own, from where the task began.
  const second = await publishTurn(taskId, 2)
  expect(inOrigin('rev-parse', `${second.branch}^`)).toBe(inOrigin('rev-parse', 'main'))
  const first = await publishTurn(taskId, 1)
  expect(first).toMatchObject({ publish: { state: 'published' } })
  expect(first.branch).not.toBe(second.branch)

  inOrigin('branch', '-D', second.branch ?? '')
  await followUp(taskId, 'echo c > c.txt')
  const third = await publishTurn(taskId, 3)
  expect(third).toMatchObject({ publish: { state: 'published' } })
  expect(third.branch).not.toBe(second.branch)
})

test('siblings that are published at once have a branch and a pull request each', async () => {
  const request = { environment: 'manual', mode: 'code', prompt: 'echo $RANDOM > number.txt', attempts: 3 }
  const { id } = (await server.call<TaskJson>('POST', '/tasks', request)).body
  const siblings = (await server.finished(id)).turns[0]?.attempts ?? []
  const before = world.fake.state.pulls.length
  const asked = await Promise.all(siblings.map((each) => askForPullRequest(server, each)))
  expect(asked.map(({ status }) => status)).toEqual([202, 202, 202])
  const published = (await server.finished(id)).turns[0]?.attempts ?? []
  expect(published.map(({ publish }) => publish.state)).toEqual(['published', 'published', 'published'])
  expect(new Set(published.map(({ branch }) => branch)).size).toBe(3)
  expect(new Set(published.map(({ pullRequest }) => pullRequest?.number)).size).toBe(3)
  expect(world.fake.state.pulls).toHaveLength(before + 3)
  for (const { branch, commit } of published) expect(inOrigin('rev-parse', branch ?? '')).toBe(commit)
})
