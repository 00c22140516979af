import { execFile } from 'node:child_process'
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readServerConfig } from '../../bin/config.ts'
import { startServer } from '../../bin/serve.ts'
import type { RunningServer } from '../../bin/serve.ts'

const run = promisify(execFile)

export type TestServer = AsyncDisposable & {
  url: string
  token: string
  folder: string
  /** Sends a request with the admin token and JSON. Resolves to the status and the parsed body. */
  call: <T = Record<string, unknown>>(
    method: string,
    path: string,
    body?: unknown,
  ) => Promise<{ status: number; body: T }>
  /** Waits for a task's end by its event stream, then reads it. */
  finished: (taskId: string) => Promise<TaskJson>
  close: () => Promise<void>
}

export type AttemptJson = {
  id: string
  state: string
  reason: string | null
  message: string | null
  phases: { phase: string; ms: number }[]
  answer: string | null
  start: { cache: string; reason: string; sandbox: string } | null
  diff: { files: number; additions: number; deletions: number } | null
  flagged: { path: string; why: string }[]
  branch: string | null
  commit: string | null
  pullRequest: { number: number; url: string } | null
  publish: { state: string; reason: string | null }
}
export type TaskJson = { id: string; state: string; turns: { attempts: AttemptJson[] }[] }

export type TestServerOptions = { folder?: string; databaseUrl?: string; env?: Record<string, string> }

/** A whole server, role all, on a free port, with a data folder of its own that goes with it. */
export async function testServer({ folder, databaseUrl, env = {} }: TestServerOptions = {}): Promise<TestServer> {
  const home = folder ?? (await mkdtemp(join(tmpdir(), 'dd-')))
  const config = readServerConfig({
    PATH: process.env['PATH'],
    DRYDOCK_DATA: join(home, 'data'),
    DRYDOCK_REPOSITORY_ROOTS: home,
    DRYDOCK_LOG: process.env['DRYDOCK_TEST_LOG'] ?? 'silent',
    DRYDOCK_DRAIN_SECONDS: '0',
    // What waits would count as left over where a test looks for that.
    DRYDOCK_WARM_POOL: '0',
    ...(databaseUrl && { DATABASE_URL: databaseUrl }),
    ...env,
  })
  const server = await startServer({ config, role: 'all', port: 0, host: '127.0.0.1' })
  return asTestServer(server, { home, keep: folder !== undefined })
}

function asTestServer(server: RunningServer, { home, keep }: { home: string; keep: boolean }): TestServer {
  const url = server.url ?? ''
  const token = server.adminToken ?? ''
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const call: TestServer['call'] = async (method, path, body) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers,
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '')
    return { status: response.status, body: (isJson ? JSON.parse(text) : text) as never }
  }
  return {
    url,
    token,
    folder: home,
    call,
    async finished(taskId) {
      for (;;) {
        // The stream ends with the task, or with the database: then it is asked again.
        await fetch(`${url}/api/v1/tasks/${taskId}/events`, { headers })
          .then((stream) => stream.text())
          .catch(() => '')
        const { status, body } = await call<TaskJson>('GET', `/tasks/${taskId}`)
        if (status === 200 && isOver(body)) return body
      }
    },
    close: () => server.close(),
    async [Symbol.asyncDispose]() {
      await server.close()
      if (keep) return
      const installation = await readFile(join(home, 'data', 'installation'), 'utf8')
      // With a database of its own, the server leaves that database's volume: it is data.
      await run('docker', ['volume', 'rm', '-f', `drydock-postgres-${installation.trim()}`])
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** A bare repository with one commit, below a folder. Resolves to its path. */
export async function bareRepository(
  folder: string,
  files: Record<string, string> = { 'README.md': '# Sample\n' },
): Promise<string> {
  const work = await mkdtemp(join(folder, 'work-'))
  const bare = `${work}.git`
  const git = (...args: string[]) =>
    run('git', ['-C', work, '-c', 'user.name=T', '-c', 'user.email=t@example.test', ...args])
  await git('init', '-q', '-b', 'main')
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(work, path, '..'), { recursive: true })
    await writeFile(join(work, path), content)
  }
  await git('add', '-A')
  await git('commit', '-q', '-m', 'first')
  await run('git', ['clone', '-q', '--bare', work, bare])
  await rm(work, { recursive: true })
  return bare
}

/** What `git` prints about a repository. */
export async function gitIn(repository: string, ...args: string[]): Promise<string> {
  return (await run('git', ['-C', repository, ...args], { maxBuffer: 64 * 1024 * 1024 })).stdout
}

/** Follows the event stream until the agent runs. */
export async function untilAgentRuns(server: Pick<TestServer, 'url' | 'token'>, taskId: string): Promise<void> {
  const headers = { authorization: `Bearer ${server.token}` }
  const response = await fetch(`${server.url}/api/v1/tasks/${taskId}/events`, { headers })
  let seen = ''
  for await (const chunk of response.body ?? []) {
    seen += Buffer.from(chunk as Uint8Array).toString()
    if (/"phase": ?"agent"/.test(seen)) return
  }
  throw new Error(`The task ended before its agent ran: ${seen}`)
}

function isOver({ state, turns }: TaskJson): boolean {
  const pending = turns.some((turn) => turn.attempts.some((attempt) => attempt.publish.state === 'pending'))
  return ['succeeded', 'failed', 'cancelled'].includes(state) && !pending
}
