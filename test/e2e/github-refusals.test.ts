import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { git } from '../support/git-fixture.ts'
import {
  TOKEN,
  addEnvironment,
  askForPullRequest,
  githubWorld,
  holdNext,
  letTimePass,
  onlyAttempt,
  publish,
  runTask,
  untilPostponed,
} from '../support/github-world.ts'
import type { GitHubWorld } from '../support/github-world.ts'
import type { TestServer } from '../support/server.ts'

let world: GitHubWorld
let server: TestServer
beforeAll(async () => {
  world = await githubWorld()
  // Closing drains, so that what was at work has ended of itself.
  server = await world.serve({ DRYDOCK_DRAIN_SECONDS: '30' })
  await addEnvironment(server, 'manual')
})
afterAll(async () => {
  expect(world.fake.violations).toEqual([])
  await server.close()
  await world[Symbol.asyncDispose]()
})

const LOOK_UP = /\/api\/v3\/repos\/acme\/app$/
const pullsOf = (branch: string | null) => world.fake.state.pulls.filter((pull) => pull.head === branch)
const pushes = () => world.fake.requests.filter((line) => line.startsWith('POST') && line.endsWith('git-receive-pack'))

test('refusals are told apart in sentences, the attempt stays succeeded, and asking again publishes', async () => {
  const ran = await runTask(server, 'manual', 'echo refused > refused.txt')
  const refused = async (reason: RegExp) =>
    expect(await publish(server, ran)).toMatchObject({
      state: 'succeeded',
      pullRequest: null,
      publish: { state: 'failed', reason: expect.stringMatching(reason) as string },
    })
  const { fake, repository } = world

  fake.fault({ path: LOOK_UP, status: 401 })
  await refused(/GitHub does not know the token/)
  fake.fault({ path: LOOK_UP, status: 403, body: { message: 'Resource protected by organization SAML enforcement' } })
  await refused(/token may not do this.*SAML enforcement/)
  fake.fault({ path: LOOK_UP, status: 404 })
  await refused(/GitHub does not have it, or hides it/)

  repository.writers.delete('ada')
  await refused(/403.*credential that may write/)
  repository.writers.add('ada')

  const hook = join(repository.path, 'hooks', 'pre-receive')
  writeFileSync(hook, '#!/bin/sh\necho "GH006: Protected branch update failed" >&2\nexit 1\n')
  chmodSync(hook, 0o755)
  await refused(/^Cannot push branch .*the remote refused it: .*GH006: Protected branch/)
  rmSync(hook)
  expect(git(repository.path, 'branch', '--list', ran.attempt.branch ?? '')).toBe('')

  fake.fault({ method: 'POST', path: /\/pulls$/, status: 403, body: { message: 'Resource not accessible' } })
  await refused(/Resource not accessible.*The branch ".*" is pushed/)
  // Somebody opens it by hand, and GitHub's list lags behind.
  const made = await fetch(`${fake.apiUrl}/repos/acme/app/pulls`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ title: 'By hand', head: ran.attempt.branch, base: 'main' }),
  })
  const { number } = (await made.json()) as { number: number }
  fake.fault({ method: 'GET', path: /\/pulls\?/, status: 200, body: [] })
  expect(await publish(server, ran)).toMatchObject({ publish: { state: 'published' }, pullRequest: { number } })
  expect(pullsOf(ran.attempt.branch)).toHaveLength(1)
})

test('a busy or broken forge postpones with a visible reason, later it is done, and not for ever', async () => {
  const ran = await runTask(server, 'manual', 'echo later > later.txt')
  const { fake } = world
  const secondary = { message: 'You have exceeded a secondary rate limit' }
  fake.fault({ path: LOOK_UP, status: 403, headers: { 'retry-after': '60' }, body: secondary })
  await askForPullRequest(server, ran.attempt)
  const limited = await untilPostponed(server, ran.taskId, /limits the requests.*tries again at/)
  expect(limited).toMatchObject({ state: 'succeeded', pullRequest: null, publish: { state: 'pending' } })
  expect(limited.publish.reason).toMatch(/limits the requests.*Drydock tries again at 20/)
  const [row] = await world.database.client`
    select extract(epoch from publish_lease_until - now())::int as wait, publish_runner_id from attempts
    where id = ${ran.attempt.id}`
  expect(row?.['wait']).toBeGreaterThan(50)
  expect(row?.['publish_runner_id']).toBeNull()

  const before = fake.requests.length
  fake.fault({ path: LOOK_UP, status: 503, times: 4 })
  await letTimePass(world.database)
  await untilPostponed(server, ran.taskId, /does not answer as it should \(503\)/)
  expect(fake.requests.slice(before).filter((line) => LOOK_UP.test(line))).toHaveLength(4)

  fake.fault({ method: 'POST', path: /\/pulls$/, status: 429, headers: { 'retry-after': '120' } })
  await letTimePass(world.database)
  const pushed = await untilPostponed(server, ran.taskId, /The branch \S+ is pushed/)
  expect(git(world.repository.path, 'rev-parse', pushed.branch ?? '')).toBe(pushed.commit)
  expect(pullsOf(pushed.branch)).toEqual([])

  await world.database.client`update attempts set publish_tries = 23 where id = ${ran.attempt.id}`
  fake.fault({ path: LOOK_UP, status: 502, times: 4 })
  await letTimePass(world.database)
  await server.finished(ran.taskId)
  expect((await onlyAttempt(server, ran.taskId)).publish).toMatchObject({
    state: 'failed',
    reason: expect.stringMatching(/502.*tried 24 times and gave up/) as string,
  })

  expect(await publish(server, ran)).toMatchObject({
    publish: { state: 'published', reason: null },
    pullRequest: { number: pullsOf(pushed.branch)[0]?.number },
  })
})

test('a runner whose claim was taken over before its push makes none', async () => {
  const ran = await runTask(server, 'manual', 'echo stale > stale.txt')
  const before = pushes().length
  // The last that the runner asks the forge before it asks whether the claim is still its own.
  const gate = holdNext(world.fake, LOOK_UP)
  await askForPullRequest(server, ran.attempt)
  await gate.seen
  // As if the first had hung past its lease: the loop's next claim is a second publisher.
  await letTimePass(world.database)
  await server.finished(ran.taskId)
  expect(await onlyAttempt(server, ran.taskId)).toMatchObject({ publish: { state: 'published' } })
  // A second push would fail to happen unseen if the branch were there: it must be asked for at all.
  git(world.repository.path, 'branch', '-D', ran.attempt.branch ?? '')
  const answered = world.fake.requests.length
  gate.open()
  await server.close()
  expect(world.fake.requests.slice(answered).filter((line) => line.includes('receive-pack'))).toEqual([])
  expect(pushes()).toHaveLength(before + 1)
  expect(git(world.repository.path, 'branch', '--list', ran.attempt.branch ?? '')).toBe('')
  const [row] = await world.database.client`select publish_claim from attempts where id = ${ran.attempt.id}`
  expect(row?.['publish_claim']).toBe(2)
  server = await world.serve({ DRYDOCK_DRAIN_SECONDS: '30' })
})
