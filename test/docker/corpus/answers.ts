import { execFile, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'

const run = promisify(execFile)

/** What a raw port says first. */
export const GREETING = 'SSH-2.0-corpus\r\n'
export const BOMB = gzipSync(Buffer.alloc(8 * 1024 * 1024))

export type Repository = AsyncDisposable & { root: string; path: string }

/** A bare repository `o/r.git` that git's own program serves, for reading and writing. */
export async function startRepository(): Promise<Repository> {
  const root = await mkdtemp(join(tmpdir(), 'drydock-corpus-git-'))
  const path = join(root, 'o', 'r.git')
  const work = join(root, 'work')
  const git = (...args: string[]) => run('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.test', ...args])
  await git('init', '-q', '-b', 'main', work)
  await writeFile(join(work, 'hello'), 'hello from the repository\n')
  await git('-C', work, 'add', '-A')
  await git('-C', work, 'commit', '-qm', 'one')
  await git('clone', '-q', '--bare', work, path)
  await git('--git-dir', path, 'config', 'http.receivepack', 'true')
  return { root, path, [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }) }
}

/** Answers a request by its path. */
export function answerOf(request: IncomingMessage, response: ServerResponse, repository: Repository): void {
  const path = (request.url ?? '').split('?')[0] ?? ''
  response.on('error', () => {})
  if (path.startsWith('/o/r.git/')) return serveGit(request, response, repository)
  switch (path) {
    case '/redirect':
      return void response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end()
    case '/bomb':
      return void response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': BOMB.length }).end(BOMB)
    case '/chain':
      return void response.writeHead(200, { 'content-encoding': Array(1000).fill('gzip').join(', ') }).end('xx')
    case '/stream':
      return void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n')
    case '/echo':
      return void response.writeHead(200).end(JSON.stringify(request.headers))
    case '/echo-header':
      return void response.writeHead(200, { 'x-echo': request.headers.authorization ?? 'none' }).end('in a header\n')
    case '/v1/responses':
      return void answerModel(response)
    default:
      // A body is taken in full, so that what was sent is on record.
      return void request.on('end', () => response.end('from upstream\n')).resume()
  }
}

/** As a provider answers, with what it counted. */
function answerModel(response: ServerResponse): void {
  const usage = { input_tokens: 10, output_tokens: 5, total_tokens: 15 }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify({ id: 'resp_1', object: 'response', status: 'completed', output: [], usage }))
}

function serveGit(request: IncomingMessage, response: ServerResponse, { root }: Repository): void {
  const url = new URL(request.url ?? '/', 'http://upstream.test')
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env.PATH ?? '',
      ...{ GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1', GIT_HTTP_EXPORT_ALL: '1', REMOTE_USER: 'a' },
      GIT_PROJECT_ROOT: root,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      REMOTE_ADDR: '127.0.0.1',
    },
  })
  child.stdin.on('error', () => undefined)
  request.pipe(child.stdin)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.on('close', () => {
    const bytes = Buffer.concat(chunks)
    const end = bytes.indexOf('\r\n\r\n')
    const fields = bytes.toString('latin1', 0, end).split('\r\n')
    for (const field of fields) {
      const [name = '', value = ''] = field.split(/: (.*)/s)
      if (name === 'Status') response.statusCode = Number.parseInt(value, 10)
      else response.setHeader(name, value)
    }
    response.end(bytes.subarray(end + 4))
  })
}
