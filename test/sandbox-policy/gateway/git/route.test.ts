import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { createServer, request, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createGitRoute } from '../../../../sandbox-policy/gateway/git/route.ts'
import { FakeSession } from '../http/support/fake-session.ts'
import { createWorld } from '../http/support/world.ts'

type Seen = { method: string; url: string; headers: IncomingHttpHeaders; body: Buffer }

async function createGitWorld({ running = true } = {}) {
  const socketPath = join(mkdtempSync(join(tmpdir(), 'drydock-git-')), 'git.sock')
  const seen: Seen[] = []
  const runner = createServer((incoming, response) => {
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
    incoming.on('end', () => {
      seen.push({
        method: incoming.method ?? '',
        url: incoming.url ?? '',
        headers: incoming.headers,
        body: Buffer.concat(chunks),
      })
      response.writeHead(200, {
        'content-type': 'application/x-git-upload-pack-result',
        'x-internal': 'path of the host',
      })
      response.end(Buffer.alloc(3_000_000, 7))
    })
  })
  if (running) {
    runner.listen(socketPath)
    await once(runner, 'listening')
  }
  const session = Object.assign(new FakeSession({}), { repositories: new Set(['shop', 'team/lib']) })
  const world = await createWorld(1, { internal: createGitRoute({ socketPath, idleMs: 500 }) })
  const port = await world.listen(session, { entry: 'plain' })
  const ask = (
    method: string,
    path: string,
    { body, headers = {} }: { body?: Buffer; headers?: Record<string, string> } = {},
  ) =>
    new Promise<{ status: number; headers: IncomingHttpHeaders; body: Buffer }>((resolve, reject) => {
      const outgoing = request({
        host: '127.0.0.1',
        port,
        method,
        path,
        agent: false,
        headers: { host: 'git.drydock.internal', ...headers },
      })
      outgoing.on('error', reject)
      outgoing.on('response', (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
        )
      })
      outgoing.end(body)
    })
  return {
    ask,
    seen,
    session,
    async [Symbol.asyncDispose]() {
      await world.close()
      runner.closeAllConnections()
      runner.close()
    },
  }
}

describe('createGitRoute()', () => {
  test('passes a fetch to the runner, with the sandbox’s id and nothing of the client’s but what git needs', async () => {
    await using world = await createGitWorld()
    const refs = await world.ask('GET', '/shop/info/refs?service=git-upload-pack', {
      headers: { 'git-protocol': 'version=2', 'x-drydock-sandbox': 'another', authorization: 'x', cookie: 'y' },
    })
    expect(refs.status).toBe(200)
    const gzip = Buffer.from('not really gzip')
    const headers = { 'content-type': 'application/x-git-upload-pack-request', 'content-encoding': 'gzip' }
    const pack = await world.ask('POST', '/team/lib/git-upload-pack', { body: gzip, headers })
    expect(pack.body.equals(Buffer.alloc(3_000_000, 7))).toBe(true)
    expect(pack.headers['x-internal']).toBeUndefined()
    expect(world.seen[0]?.headers).toEqual({
      host: 'git.drydock.internal',
      'x-drydock-sandbox': 'sandbox-1',
      connection: 'close',
      'git-protocol': 'version=2',
    })
    expect(world.seen[1]).toMatchObject({ method: 'POST', url: '/team/lib/git-upload-pack', body: gzip, headers })
    const records = await world.session.recorded(2)
    expect(records).toMatchObject([
      { verdict: 'allow', rule: 'git', host: 'git.drydock.internal', end: { status: 200, bytesDown: 3_000_000 } },
      { verdict: 'allow', end: { bytesUp: gzip.length, bytesDown: 3_000_000 } },
    ])
  })

  test.each([
    ['GET', '/shop/info/refs?service=git-receive-pack', 403, 'pushing happens by Drydock when the task is done'],
    ['POST', '/shop/git-receive-pack', 403, 'pushing happens by Drydock when the task is done'],
    ['GET', '/other/info/refs?service=git-upload-pack', 404, 'no repository of that name'],
    ['GET', '/shop/../other/info/refs?service=git-upload-pack', 403, 'Only git fetch'],
    ['GET', '/Shop/info/refs?service=git-upload-pack', 404, 'no repository'],
    ['GET', '/%73hop/info/refs?service=git-upload-pack', 404, 'no repository'],
    ['GET', '/shop/info/refs', 403, 'Only git fetch'],
    ['GET', '/shop/info/refs?service=git-upload-pack&x', 403, 'Only git fetch'],
    ['GET', '/shop/HEAD', 403, 'Only git fetch'],
    ['GET', '/shop/git-upload-pack', 403, 'Only git fetch'],
    ['GET', '/shop/objects/info/packs', 403, 'Only git fetch'],
    ['GET', '/', 404, 'no repository'],
  ])('%s %s is %i', async (method, path, status, sentence) => {
    await using world = await createGitWorld()
    const answer = await world.ask(method, path)
    expect([answer.status, answer.headers['x-drydock-denied'], world.seen]).toEqual([status, 'path', []])
    expect(answer.body.toString()).toContain(sentence)
    expect(world.session.records).toMatchObject([{ verdict: 'deny', rule: 'git', end: { reason: 'path', status } }])
  })

  test('a runner that is away is 502, and a ledger that is broken 503', async () => {
    await using world = await createGitWorld({ running: false })
    expect((await world.ask('GET', '/shop/info/refs?service=git-upload-pack')).status).toBe(502)
    expect((await world.session.recorded(1))[0]?.end).toMatchObject({ status: 502, reason: 'upstream-unreachable' })
    world.session.ledgerBroken = true
    expect((await world.ask('GET', '/shop/info/refs?service=git-upload-pack')).status).toBe(503)
  })
})
