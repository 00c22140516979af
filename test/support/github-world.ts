import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testDatabase } from './database.ts'
import type { TestDatabase } from './database.ts'
import { startFakeGitHub } from './fake-github/fake-github.ts'
import type { FakeGitHub } from './fake-github/fake-github.ts'
import type { FakeRepository } from './fake-github/state.ts'
import { git, makeOrigin } from './git-fixture.ts'
import { testServer } from './server.ts'
import type { AttemptJson, TaskJson, TestServer } from './server.ts'

export const TOKEN = 'ghp_canary7Zq4Xw9Lm2'

export type GitHubWorld = AsyncDisposable & {
  folder: string
  database: TestDatabase
  fake: FakeGitHub
  /** `acme/app`, with one commit on main; TOKEN may write. */
  repository: FakeRepository
  serve: (env?: Record<string, string>) => Promise<TestServer>
}

/** A GitHub with one repository, and what servers need that share a data folder and a database. */
export async function githubWorld(): Promise<GitHubWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'dd-github-'))
  const fake = await startFakeGitHub(join(folder, 'github'))
  fake.addToken(TOKEN, 'ada')
  const repository = fake.addRepository('acme/app', { writers: ['ada'] })
  git(makeOrigin(folder).work, 'push', '-q', repository.path, 'HEAD:main')
  const database = await testDatabase()
  return {
    folder,
    database,
    fake,
    repository,
    serve: (env = {}) =>
      testServer({
        folder,
        databaseUrl: database.url,
        env: {
          DRYDOCK_GITHUB_TOKEN: TOKEN,
          DRYDOCK_GITHUB_API: fake.apiUrl,
          DRYDOCK_GITHUB_URL: fake.webUrl,
          DRYDOCK_PUBLIC_URL: 'https://drydock.example.test',
          ...env,
        },
      }),
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]()
      await fake[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Makes an environment on `acme/app` that publishes in its own way, and is named by it. */
export async function addEnvironment(server: TestServer, publish: string): Promise<void> {
  await server.call('POST', '/environments', { name: publish, repository: 'acme/app', image: 'base', publish })
}

export type Ran = { taskId: string; attempt: AttemptJson }

/** Submits a Code task, without waiting. */
export async function submit(server: TestServer, environment: string, prompt: string): Promise<string> {
  const { status, body } = await server.call<TaskJson>('POST', '/tasks', { environment, mode: 'code', prompt })
  if (status !== 201) throw new Error(`no task: ${JSON.stringify(body)}`)
  return body.id
}

/** Runs a Code task to its end, publishing included where that is not postponed. */
export async function runTask(server: TestServer, environment: string, prompt: string): Promise<Ran> {
  const taskId = await submit(server, environment, prompt)
  await server.finished(taskId)
  return { taskId, attempt: await onlyAttempt(server, taskId) }
}

export async function onlyAttempt(server: TestServer, taskId: string): Promise<AttemptJson> {
  const attempt = (await server.call<TaskJson>('GET', `/tasks/${taskId}`)).body.turns[0]?.attempts[0]
  if (!attempt) throw new Error('the task has no attempt')
  return attempt
}

/** Asks for a pull request. Resolves to status and body, at once. */
export const askForPullRequest = (server: TestServer, attempt: Pick<AttemptJson, 'id'>, body: unknown = {}) =>
  server.call<Record<string, unknown>>('POST', `/attempts/${attempt.id}/pull-request`, body)

/** Asks for a pull request and waits until it was published or refused. */
export async function publish(server: TestServer, { taskId, attempt }: Ran, body: unknown = {}): Promise<AttemptJson> {
  const { status } = await askForPullRequest(server, attempt, body)
  if (status !== 202) throw new Error(`not asked: ${status}`)
  await server.finished(taskId)
  return onlyAttempt(server, taskId)
}

/** Follows the event stream until publishing is postponed with a reason that matches. */
export async function untilPostponed(server: TestServer, taskId: string, reason: RegExp): Promise<AttemptJson> {
  const headers = { authorization: `Bearer ${server.token}` }
  const response = await fetch(`${server.url}/api/v1/tasks/${taskId}/events`, { headers })
  let seen = ''
  for await (const chunk of response.body ?? []) {
    seen += Buffer.from(chunk as Uint8Array).toString()
    // One event a line; PostgreSQL writes it.
    const isThere = seen.split('\n').some((line) => line.includes('"kind": "publish"') && reason.test(line))
    if (isThere) return onlyAttempt(server, taskId)
  }
  throw new Error(`Publishing ended without being postponed: ${seen}`)
}

/** What waits for a time is due now. */
export async function letTimePass({ client }: TestDatabase): Promise<void> {
  await client`update attempts set publish_lease_until = now() where publish_state = 'pending'`
}

/** Holds back the next request that matches, until it is opened. */
export function holdNext(fake: FakeGitHub, path: RegExp): { seen: Promise<void>; open: () => void } {
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  const seen = new Promise<void>((resolve) => fake.fault({ path, hold: opened, seen: resolve }))
  return { seen, open }
}
