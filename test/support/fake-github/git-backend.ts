import { spawn } from 'node:child_process'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { visible } from './state.ts'
import type { FakeState, FakeUser } from './state.ts'

/** Clone and push over http by git's own CGI program, behind the fake's tokens. */
export function serveGit(
  request: IncomingMessage,
  response: ServerResponse,
  deps: { state: FakeState; root: string },
): void {
  const url = new URL(request.url ?? '/', 'http://fake')
  const fullName = /^\/([^/]+\/[^/]+)\.git\//.exec(url.pathname)?.[1] ?? ''
  const user = basicUser(request, deps.state)
  if (user === 'unknown')
    return deny(response, 401, 'Invalid username or token. Password authentication is not supported.')
  const repository = visible(deps.state, fullName, user)
  const isPush = url.search.includes('git-receive-pack') || url.pathname.endsWith('/git-receive-pack')
  if (repository === undefined || (isPush && user === undefined)) {
    return user === undefined
      ? deny(response, 401, 'Authentication required')
      : deny(response, 404, 'Repository not found.')
  }
  if (isPush && user !== undefined && !repository.writers.has(user.login)) {
    return deny(response, 403, `Permission to ${fullName}.git denied to ${user.login}.`)
  }
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env.PATH ?? '',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_PROJECT_ROOT: deps.root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_USER: user?.login ?? '',
      REMOTE_ADDR: '127.0.0.1',
    },
  })
  // A client that hangs up is not the fake's failure.
  child.stdin.on('error', () => undefined)
  response.on('close', () => child.kill())
  request.pipe(child.stdin)
  pipeCgi(child.stdout, response)
}

function pipeCgi(output: NodeJS.ReadableStream, response: ServerResponse): void {
  let head = Buffer.alloc(0)
  let isBody = false
  output.on('data', (chunk: Buffer) => {
    if (isBody) return void response.write(chunk)
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) return
    isBody = true
    for (const line of head.subarray(0, end).toString('latin1').split('\r\n')) {
      const [, name = '', value = ''] = /^([^:]+): ?(.*)$/.exec(line) ?? []
      if (name.toLowerCase() === 'status') response.statusCode = Number.parseInt(value, 10)
      else response.setHeader(name, value)
    }
    response.write(head.subarray(end + 4))
  })
  output.on('end', () => response.end())
}

function basicUser(request: IncomingMessage, state: FakeState): FakeUser | undefined | 'unknown' {
  const encoded = /^basic (.+)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  return state.tokens.get(pair.slice(pair.indexOf(':') + 1)) ?? 'unknown'
}

function deny(response: ServerResponse, status: number, text: string): void {
  const headers = status === 401 ? { 'www-authenticate': 'Basic realm="GitHub"' } : {}
  response.writeHead(status, { 'content-type': 'text/plain', ...headers }).end(`${text}\n`)
}
