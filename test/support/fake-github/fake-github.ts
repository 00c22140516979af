import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { serveGit } from './git-backend.ts'
import { restApi } from './rest.ts'
import { addRepository, emptyState } from './state.ts'
import type { FakeRepository, FakeState, RepositoryInput } from './state.ts'

/** What happens to the next requests that match, in place of an answer or (`after`) of its delivery. */
export type Fault = {
  method?: string
  path: RegExp
  /** How many requests; default 1. */
  times?: number
} & (
  | { drop: 'before' | 'after' }
  | { status: number; headers?: Record<string, string>; body?: unknown }
  /** Served once the promise resolves; `seen` is called when the request has come. */
  | { hold: Promise<void>; seen: () => void }
)

export type FakeGitHub = AsyncDisposable & {
  webUrl: string
  apiUrl: string
  state: FakeState
  /** "GET /api/v3/user", in order of arrival. */
  requests: string[]
  /** Answers of the fake that GitHub's description forbids; a test expects none. */
  violations: string[]
  addToken(token: string, login: string): void
  addRepository(fullName: string, input?: RepositoryInput): FakeRepository
  fault(fault: Fault): void
}

/** A GitHub on a loopback port: REST below /api/v3, git over http, faults on demand. Repositories live below `root`. */
export async function startFakeGitHub(root: string): Promise<FakeGitHub> {
  const state = emptyState()
  const requests: string[] = []
  const violations: string[] = []
  const faults: (Fault & { left: number })[] = []
  const webUrl = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const rest = restApi({ state, webUrl, onViolation: (fault) => violations.push(fault) })
  const listener = getRequestListener(new Hono().route('/api/v3', rest).fetch)

  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`)
    const fault = faults.find((entry) => entry.left > 0 && matches(entry, request))
    if (fault) {
      fault.left--
      if ('hold' in fault) {
        fault.seen()
        return void fault.hold.then(() => serve(request, response))
      }
      if (!applyFault(fault, request, response)) return
    }
    serve(request, response)
  })
  const serve = (request: IncomingMessage, response: ServerResponse) => {
    if (/^\/[^/]+\/[^/]+\.git\//.test(request.url ?? '')) serveGit(request, response, { state, root })
    else void listener(request, response)
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    webUrl: webUrl(),
    apiUrl: `${webUrl()}/api/v3`,
    state,
    requests,
    violations,
    addToken: (token, login) => void state.tokens.set(token, { login, id: state.tokens.size + 100 }),
    addRepository: (fullName, input = {}) => addRepository(state, root, fullName, input),
    fault: (fault) => void faults.push({ ...fault, left: fault.times ?? 1 }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}

function matches(fault: Fault, request: IncomingMessage): boolean {
  return (fault.method ?? request.method) === request.method && fault.path.test(request.url ?? '')
}

/** Says whether the request is served all the same. */
function applyFault(
  fault: Exclude<Fault, { hold: unknown }>,
  request: IncomingMessage,
  response: ServerResponse,
): boolean {
  if ('status' in fault) {
    const body = fault.body ?? { message: `Injected ${fault.status}` }
    response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(JSON.stringify(body))
    return false
  }
  if (fault.drop === 'before') {
    request.socket.destroy()
    return false
  }
  // The request is carried out; its answer is lost.
  response.write = () => true
  response.end = () => {
    request.socket.destroy()
    return response
  }
  return true
}
