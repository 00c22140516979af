import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { gitEnvironment, HARDENED } from '../../forge/git.ts'
import { socketPath } from './socket-path.ts'

const MiB = 1024 * 1024
/** What a client says it has and wants; a large repository's is some hundreds of KiB. */
const MAX_REQUEST_BYTES = 16 * MiB
const DEADLINE_MS = 10 * 60_000
const MAX_AT_ONCE = 16
const MAX_PER_SANDBOX = 4

/** Strongest scope, over what the repository says of itself. */
const UPLOAD_PACK = [
  'uploadpack.allowFilter=false',
  'uploadpack.allowTipSHA1InWant=false',
  'uploadpack.allowReachableSHA1InWant=false',
  'uploadpack.allowAnySHA1InWant=false',
  'uploadpack.allowRefInWant=false',
  'uploadpack.advertiseBundleURIs=false',
  'uploadpack.keepAlive=5',
  'core.packedGitWindowSize=32m',
  'core.packedGitLimit=512m',
  'pack.threads=1',
  'pack.windowMemory=256m',
  'pack.deltaCacheSize=64m',
]
const LIMITS = [`--as=${4096 * MiB}`, '--cpu=300', `--fsize=${64 * MiB}`, '--core=0', '--nproc=4096']

export type GitServerDeps = {
  socket: string
  /** Where programs are looked for. */
  path: string
  /** The folder of a repository that a sandbox was granted; undefined for any other. */
  repositoryOf: (sandbox: string, name: string) => string | undefined
  /** Gives the socket to the gateway's user. */
  give: (path: string) => Promise<void>
}

/**
 * Serves `git fetch` to the gateway, for the sandbox that it names: `/NAME/info/refs` and `/NAME/git-upload-pack`. Each
 * request is a git process of its own with limits, ended when the client hangs up (R18). Nothing can be written.
 */
export async function startGitServer(deps: GitServerDeps): Promise<AsyncDisposable> {
  const busy = new Map<string, number>()
  const server = createServer((request, response) => {
    serve({ request, response }, { deps, busy }).catch(() => response.destroy())
  })
  server.headersTimeout = 10_000
  server.on('clientError', (_, socket) => socket.destroy())
  const reached = await socketPath(deps.socket)
  await rm(deps.socket, { force: true })
  server.listen(reached.path)
  await once(server, 'listening')
  await chmod(deps.socket, 0o600)
  await deps.give(deps.socket)
  return {
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await reached[Symbol.asyncDispose]()
      await rm(deps.socket, { force: true })
    },
  }
}

type Exchange = { request: IncomingMessage; response: ServerResponse }
type Context = { deps: GitServerDeps; busy: Map<string, number> }

async function serve({ request, response }: Exchange, { deps, busy }: Context): Promise<void> {
  const sandbox = request.headers['x-drydock-sandbox']
  const asked = parse(request.method ?? '', request.url ?? '')
  const folder = typeof sandbox === 'string' && asked && find(deps, { sandbox, name: asked.name })
  if (!folder) return refuse(response, 404, 'There is no such repository here.')
  if (total(busy) >= MAX_AT_ONCE || (busy.get(sandbox) ?? 0) >= MAX_PER_SANDBOX)
    return refuse(response, 503, 'Too many fetches at once; try again.')
  busy.set(sandbox, (busy.get(sandbox) ?? 0) + 1)
  try {
    await uploadPack({ request, response }, { folder, advertise: asked.advertise, path: deps.path })
  } finally {
    const left = (busy.get(sandbox) ?? 1) - 1
    if (left > 0) busy.set(sandbox, left)
    else busy.delete(sandbox)
  }
}

/** git clients may put `.git` behind a name. */
function find(
  { repositoryOf }: GitServerDeps,
  { sandbox, name }: { sandbox: string; name: string },
): string | undefined {
  return repositoryOf(sandbox, name) ?? repositoryOf(sandbox, name.replace(/\.git$/, ''))
}

const total = (busy: Map<string, number>) => [...busy.values()].reduce((sum, count) => sum + count, 0)

/** The two requests of a fetch; undefined for all others, a push among them. */
function parse(method: string, url: string): { name: string; advertise: boolean } | undefined {
  const [, name, rest] = /^\/(.+?)(\/info\/refs\?service=git-upload-pack|\/git-upload-pack)$/.exec(url) ?? []
  if (name === undefined) return undefined
  const advertise = rest !== '/git-upload-pack'
  if (method !== (advertise ? 'GET' : 'POST')) return undefined
  return { name, advertise }
}

type UploadPack = { folder: string; advertise: boolean; path: string }

async function uploadPack({ request, response }: Exchange, { folder, advertise, path }: UploadPack): Promise<void> {
  const config = [...HARDENED, ...UPLOAD_PACK].flatMap((entry) => ['-c', entry])
  const flags = ['--stateless-rpc', '--strict', '--timeout=60', ...(advertise ? ['--advertise-refs'] : [])]
  const argv = ['--pdeathsig', 'KILL', 'prlimit', ...LIMITS, '--', 'git', ...config, 'upload-pack', ...flags, folder]
  const child = spawn('setpriv', argv, {
    env: { ...gitEnvironment(path), ...protocolOf(request) },
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    } catch {
      // The group is gone already.
    }
  }
  const late = setTimeout(kill, DEADLINE_MS)
  response.once('close', kill)
  const ended = once(child, 'close')
  try {
    child.stdin.on('error', () => {})
    if (advertise) child.stdin.end()
    else feed(request, child.stdin).catch(kill)
    response.writeHead(200, {
      'content-type': `application/x-git-upload-pack-${advertise ? 'advertisement' : 'result'}`,
      'cache-control': 'no-cache',
    })
    if (advertise && !isVersion2(request)) response.write('001e# service=git-upload-pack\n0000')
    // The end is written only when git ended well: a pack that was cut must not look whole.
    await pipeline(child.stdout, response, { end: false })
    const [code] = (await ended) as [number | null]
    if (code === 0) response.end()
    else response.destroy()
  } finally {
    clearTimeout(late)
    kill()
  }
}

/** Hands the request on, unpacked where the client packed it, up to a bound. */
async function feed(request: IncomingMessage, git: NodeJS.WritableStream): Promise<void> {
  const isPacked = /^(x-)?gzip$/.test(request.headers['content-encoding'] ?? '')
  const bounded = async function* (source: Readable) {
    let bytes = 0
    for await (const chunk of source as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > MAX_REQUEST_BYTES) throw new Error('Cannot read what the client wants: it is too long')
      yield chunk
    }
  }
  if (isPacked) await pipeline(request, createGunzip(), bounded, git)
  else await pipeline(request, bounded, git)
}

const isVersion2 = (request: IncomingMessage) => request.headers['git-protocol'] === 'version=2'

function protocolOf(request: IncomingMessage): Record<string, string> {
  return isVersion2(request) ? { GIT_PROTOCOL: 'version=2' } : {}
}

function refuse(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(`${sentence}\n`)
}
