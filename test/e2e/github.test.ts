import { afterAll, beforeAll, expect, test } from 'vitest'
import { git } from '../support/git-fixture.ts'
import {
  addEnvironment,
  askForPullRequest,
  githubWorld,
  holdNext,
  onlyAttempt,
  publish,
  runTask,
  submit,
} from '../support/github-world.ts'
import type { GitHubWorld } from '../support/github-world.ts'
import type { TaskJson, TestServer } from '../support/server.ts'

let world: GitHubWorld
let server: TestServer
beforeAll(async () => {
  world = await githubWorld()
  server = await world.serve()
  for (const mode of ['manual', 'branch', 'pull-request']) await addEnvironment(server, mode)
})
afterAll(async () => {
  expect(world.fake.violations).toEqual([])
  await server.close()
  await world[Symbol.asyncDispose]()
})

const pullsOf = (branch: string | null) => world.fake.state.pulls.filter((pull) => pull.head === branch)
const pushes = () => world.fake.requests.filter((line) => line.startsWith('POST') && line.endsWith('git-receive-pack'))

test('publish: pull-request pushes the branch and opens one pull request, told by the task', async () => {
  const said = `printf '::event {"t":"message","text":"Said hello to @everyone."}\\n'`
  const { taskId, attempt } = await runTask(server, 'pull-request', `echo hello > hello.txt; ${said}`)
  const [pull, ...more] = pullsOf(attempt.branch)
  expect(more).toEqual([])
  expect(attempt).toMatchObject({
    state: 'succeeded',
    publish: { state: 'published', reason: null },
    pullRequest: { number: pull?.number, url: `${world.fake.webUrl}/acme/app/pull/${pull?.number}` },
  })
  expect(attempt.phases.map((each) => each.phase).filter((phase) => phase === 'publish')).toEqual(['publish'])
  expect(pull).toMatchObject({ base: 'main', state: 'open', headSha: attempt.commit })
  expect(pull?.title).toMatch(/^echo hello/)
  expect(pull?.body).toContain('echo hello > hello.txt')
  expect(pull?.body).toMatch(/Summary by the agent[^`]*```text\nSaid hello to @everyone\.\n```/)
  expect(pull?.body).toContain(`https://drydock.example.test/tasks/${taskId}`)

  const [user] = await world.database.client`select name, email from users`
  const format = '%an <%ae>%n%cn%n%(trailers:key=Co-authored-by)%P'
  const [author, committer, coAuthor, parent] = git(
    world.repository.path,
    'log',
    '-1',
    `--format=${format}`,
    attempt.branch ?? '',
  ).split('\n')
  expect(author).toBe(`${String(user?.['name'])} <${String(user?.['email'])}>`)
  expect(committer).toBe('Drydock')
  expect(coAuthor).toMatch(/^Co-authored-by: Drydock agent \(command\) <.+>$/)
  expect(parent).toBe(git(world.repository.path, 'rev-parse', 'main'))

  const again = await askForPullRequest(server, attempt)
  expect(again).toMatchObject({ status: 200, body: { pullRequest: { number: pull?.number } } })
})

test('on request: asked twice, and the answer to "create" lost: one push, one pull request', async () => {
  const ran = await runTask(server, 'manual', 'echo manual > manual.txt')
  const before = pushes().length
  expect(ran.attempt).toMatchObject({ publish: { state: 'none' }, pullRequest: null })
  expect(git(world.repository.path, 'branch', '--list', ran.attempt.branch ?? '')).toBe('')

  world.fake.fault({ method: 'POST', path: /\/pulls$/, drop: 'after' })
  const asked = await Promise.all([askForPullRequest(server, ran.attempt), askForPullRequest(server, ran.attempt)])
  expect(asked.map(({ status }) => status)).toEqual([202, 202])
  await server.finished(ran.taskId)
  expect(await onlyAttempt(server, ran.taskId)).toMatchObject({
    publish: { state: 'published' },
    pullRequest: { number: pullsOf(ran.attempt.branch)[0]?.number },
  })
  expect(pullsOf(ran.attempt.branch)).toHaveLength(1)
  expect(pushes()).toHaveLength(before + 1)
})

test('flagged files hold automatic publishing until a person confirms', async () => {
  const workflow = 'mkdir -p .github/workflows; echo "on: push" > .github/workflows/x.yml'
  const ran = await runTask(server, 'pull-request', workflow)
  expect(ran.attempt).toMatchObject({
    state: 'succeeded',
    publish: { state: 'held' },
    flagged: [{ path: '.github/workflows/x.yml' }],
  })
  expect(git(world.repository.path, 'branch', '--list', ran.attempt.branch ?? '')).toBe('')
  const refusal = await askForPullRequest(server, ran.attempt)
  expect(refusal).toMatchObject({ status: 409, body: { code: 'confirmation-required' } })
  expect(refusal.body['detail']).toContain('.github/workflows/x.yml')
  const published = await publish(server, ran, { confirmFlagged: true })
  expect(published).toMatchObject({ publish: { state: 'published' } })
  expect(pullsOf(published.branch)[0]?.body).toMatch(
    /^\*\*Look at these files first.*\n\n- ` \.github\/workflows\/x\.yml/,
  )
})

test('an Ask task and a change of nothing cannot be published', async () => {
  const asked = await server.call<TaskJson>('POST', '/tasks', {
    environment: 'manual',
    mode: 'ask',
    prompt: 'echo x > x',
  })
  await server.finished(asked.body.id)
  const answer = await askForPullRequest(server, await onlyAttempt(server, asked.body.id))
  expect(answer).toMatchObject({ status: 409, body: { code: 'not-a-code-task' } })
  const { attempt } = await runTask(server, 'pull-request', 'true')
  expect(attempt).toMatchObject({ state: 'succeeded', publish: { state: 'none' }, diff: { files: 0 } })
  expect(await askForPullRequest(server, attempt)).toMatchObject({ status: 409, body: { code: 'no-changes' } })
})

test('a pull request that is asked for while the branch is being pushed is opened', async () => {
  const gate = holdNext(world.fake, /\/info\/refs\?service=git-receive-pack/)
  const taskId = await submit(server, 'branch', 'echo raised > raised.txt')
  await gate.seen
  const attempt = await onlyAttempt(server, taskId)
  expect(await askForPullRequest(server, attempt)).toMatchObject({ status: 202 })
  gate.open()
  await server.finished(taskId)
  expect(await onlyAttempt(server, taskId)).toMatchObject({
    publish: { state: 'published' },
    pullRequest: { number: pullsOf(attempt.branch)[0]?.number },
  })
})

test('a linked person publishes with their own right to push, which is asked for at the start and before the push', async () => {
  const { fake, repository } = world
  const BOB = { host: new URL(fake.webUrl).host, login: 'bob', id: 101 }
  fake.addToken('bobs-own-token', 'bob')
  const linked = await server.call('PUT', '/me/forge-logins', { forge: 'github', token: 'bobs-own-token' })
  expect(linked).toMatchObject({ status: 200, body: BOB })
  const refusal = `Cannot publish to acme/app: ${BOB.host} does not let "bob" push there`
  const refused = { status: 403, body: { code: 'push-refused', detail: refusal } }
  const task = { environment: 'pull-request', mode: 'code', prompt: 'echo linked > linked.txt' }
  expect(await server.call('POST', '/tasks', task)).toMatchObject(refused)
  const ran = await runTask(server, 'manual', 'echo by-hand > by-hand.txt')
  expect(await askForPullRequest(server, ran.attempt)).toMatchObject(refused)

  repository.writers.add('bob')
  expect(await publish(server, ran)).toMatchObject({ publish: { state: 'published' } })
  const { body } = await server.call<{ data: { after: object }[] }>('GET', '/audit?action=attempt.published&limit=1')
  expect(body.data[0]?.after).toMatchObject({ repository: 'acme/app', onForge: BOB })

  // It is asked for when the task is made, when it starts, and before the push: then it is gone.
  const permission = /\/collaborators\/bob\/permission$/
  fake.fault({ path: permission, times: 2, hold: Promise.resolve(), seen: () => undefined })
  const gate = holdNext(fake, permission)
  const before = pushes().length
  const taskId = await submit(server, 'pull-request', 'echo late > late.txt')
  await gate.seen
  repository.writers.delete('bob')
  gate.open()
  await server.finished(taskId)
  expect(await onlyAttempt(server, taskId)).toMatchObject({
    ...{ state: 'succeeded', diff: { files: 1 }, pullRequest: null },
    publish: { state: 'failed', reason: refusal },
  })
  expect(pushes()).toHaveLength(before)

  expect(await server.call('DELETE', `/me/forge-logins/${BOB.host}`)).toMatchObject({ status: 204 })
  expect(await server.call('PATCH', '/environments/pull-request', { publishUnlinked: false })).toMatchObject({
    status: 200,
  })
  expect(await server.call('POST', '/tasks', task)).toMatchObject({ status: 403, body: { code: 'push-refused' } })
})
