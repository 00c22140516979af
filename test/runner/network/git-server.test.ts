import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startGitServer } from '../../../runner/network/git-server.ts'
import { serveView } from '../../../runner/network/served-repository.ts'

const run = promisify(execFile)
const PATH = process.env.PATH ?? ''
let root = ''
let origin = ''
let served = ''
let head = ''
let hidden = ''
let server: AsyncDisposable
let url = ''
let close = () => {}

const git = async (args: readonly string[], cwd = root) => {
  const env = { PATH, HOME: root, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' }
  const { stdout } = await run('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.test', ...args], { cwd, env })
  return stdout.trim()
}

/** Stands where the gateway stands: names the sandbox, and passes everything else on. */
async function bridge(socketPath: string): Promise<{ url: string; close: () => void }> {
  const proxy = createServer((from, to) => {
    const headers = { ...from.headers, 'x-drydock-sandbox': 'mine' }
    const onwards = request({ socketPath, method: from.method, path: from.url, headers }, (answer) => {
      to.writeHead(answer.statusCode ?? 0, answer.headers)
      answer.on('error', () => to.destroy())
      answer.pipe(to)
    })
    onwards.on('error', () => to.destroy())
    to.on('close', () => onwards.destroy())
    from.pipe(onwards)
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  return { url: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, close: () => proxy.close() }
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'drydock-git-'))
  origin = join(root, 'origin')
  served = join(root, 'served')
  await git(['init', '-q', '-b', 'main', origin])
  for (let i = 0; i < 50; i++) await writeFile(join(origin, `file-${i}`), `${i}\n`.repeat(100))
  await git(['add', '-A'], origin)
  await git(['commit', '-q', '-m', 'first'], origin)
  await git(['tag', 'v1'], origin)
  head = await git(['rev-parse', 'HEAD'], origin)
  // What no ref of the view leads to; in reality it lies in a store that is not the view's.
  const store = join(root, 'store')
  await git(['clone', '-q', '--bare', '--shared', origin, store])
  hidden = await git(['commit-tree', '-m', 'collected', `${head}^{tree}`], store)
  const refs = [
    { name: 'refs/tags/v1', commit: head },
    { name: 'refs/heads/main', commit: head },
  ]
  await serveView(served, { objects: join(origin, '.git', 'objects'), refs, defaultBranch: 'main' })
  const socket = join(root, 'git.sock')
  server = await startGitServer({
    socket,
    path: PATH,
    repositoryOf: (sandbox, name) => (sandbox === 'mine' && name === 'shop' ? served : undefined),
    give: async () => {},
  })
  expect((await stat(socket)).mode & 0o777).toBe(0o600)
  ;({ url, close } = await bridge(socket))
})
afterAll(async () => {
  close()
  await server[Symbol.asyncDispose]()
  await rm(root, { recursive: true, force: true })
})

test.each(['0', '1', '2'])('a clone by protocol %s has the branch and the tag', async (version) => {
  const target = join(root, `clone-${version}`)
  await git(['-c', `protocol.version=${version}`, 'clone', '-q', `${url}/shop`, target])
  expect(await git(['rev-parse', 'HEAD', 'v1'], target)).toBe(`${head}\n${head}`)
  expect((await readdir(target)).length).toBe(51)
})

test('a fetch of what no ref leads to fails, while it works where it lies', async () => {
  const target = join(root, 'wanting')
  await git(['init', '-q', target])
  await expect(git(['fetch', '-q', `${url}/shop.git`, hidden], target)).rejects.toThrow(/not our ref|unadvertised/)
  await git(['fetch', '-q', `file://${join(root, 'store')}`, hidden], target).catch(() => undefined)
  expect(await git(['--git-dir', join(root, 'store'), 'cat-file', '-t', hidden])).toBe('commit')
})

test('a push is no route here', async () => {
  const target = join(root, 'clone-2')
  await expect(git(['push', '-q', `${url}/shop`, 'HEAD:refs/heads/x'], target)).rejects.toThrow(/not found|404/)
})

test.each([
  ['another repository', '/other/info/refs?service=git-upload-pack'],
  ['a folder above', '/../served/info/refs?service=git-upload-pack'],
  ['the old protocol', '/shop/info/refs'],
  ['a file', '/shop/config'],
  ['a receive', '/shop/info/refs?service=git-receive-pack'],
])('%s is 404', async (_, path) => {
  expect((await fetch(url + path)).status).toBe(404)
})

const want = () => `0032want ${head}\n`
const ask = async (lines: string) => {
  const response = await fetch(`${url}/shop/git-upload-pack`, {
    method: 'POST',
    body: gzipSync(lines),
    headers: { 'content-encoding': 'gzip', 'content-type': 'application/x-git-upload-pack-request' },
  })
  return Buffer.from(await response.arrayBuffer()).toString('latin1')
}

test('a packed request is read up to a bound, and cut beyond it', async () => {
  const MiB = 1024 * 1024
  const end = '00000009done\n'
  expect(await ask(want().repeat(MiB / 50) + end)).toMatch(/^0008NAK\nPACK/)
  await expect(ask(want().repeat((20 * MiB) / 50) + end)).rejects.toThrow()
}, 120_000)

test('git ends when its client hangs up', async () => {
  // Those of the tests before may still be ending.
  await until(async () => (await processes()) === 0)
  const gone = new AbortController()
  // A request that never ends: git waits for the rest of it.
  const waiting = fetch(`${url}/shop/git-upload-pack`, {
    method: 'POST',
    signal: gone.signal,
    duplex: 'half',
    body: new ReadableStream({ start: (to) => to.enqueue(Buffer.from(want())) }),
  }).catch(() => undefined)
  await until(async () => (await processes()) > 0)
  gone.abort()
  await waiting
  await until(async () => (await processes()) === 0)
})

/** How many git processes serve our repository. */
async function processes(): Promise<number> {
  const child = spawn('pgrep', ['-fc', `git .*upload-pack .*${served}`])
  return Number(await text(child.stdout))
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 25_000; !(await isSo());) if (Date.now() > deadline) throw new Error('not in time')
}
