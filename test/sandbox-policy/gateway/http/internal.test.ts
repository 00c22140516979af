import { expect, test } from 'vitest'
import type { InternalHandler, InternalRequest } from '../../../../sandbox-policy/gateway/http/internal.ts'
import { FakeSession } from './support/fake-session.ts'
import { createWorld, raw, Talk, type Entry } from './support/world.ts'

const H = 'Host: model.drydock.internal\r\n'
const PLAIN: Entry = { entry: 'plain' }

async function setUp(internal: InternalHandler, entry: Entry = PLAIN) {
  const world = await createWorld(1, { internal, limits: { stallMs: 5000 } })
  const session = new FakeSession({})
  return { world, session, port: await world.listen(session, entry), [Symbol.asyncDispose]: world.close }
}

async function textOf(request: InternalRequest): Promise<string> {
  let text = ''
  for await (const part of request.body) text += part.toString('latin1')
  return text
}

const echo: InternalHandler = async (request) => {
  const body = await textOf(request)
  await request.respond(200, { 'x-a': '1', 'transfer-encoding': 'gzip' }, `${request.method} ${request.target} ${body}`)
}

test.each<[string, Entry, string]>([
  ['on port 80', PLAIN, '/a?b'],
  ['by the proxy', { entry: 'proxy' }, 'http://model.drydock.internal/a?b'],
  ['inside CONNECT', { entry: 'bound', origin: { scheme: 'http', name: 'model.drydock.internal', port: 80 } }, '/a?b'],
])('an internal host answers %s, one request after another, also with the policy off', async (_, entry, target) => {
  await using at = await setUp(echo, entry)
  const length = `POST ${target} HTTP/1.1\r\n${H}Content-Length: 3\r\n\r\nabc`
  const chunks = `POST ${target} HTTP/1.1\r\n${H}Transfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n`
  const text = await raw(at.port, length + chunks + `GET ${target} HTTP/1.1\r\n${H}\r\n`)
  expect(text.match(/(POST|GET) \/a\?b.{0,4}/g)).toEqual(['POST /a?b abc', 'POST /a?b def', 'GET /a?b '])
  expect(text).not.toContain('gzip')
  expect(at.session.records).toEqual([])
})

test('an internal answer streams, as slowly as the client reads', async () => {
  const size = 32 * 1024 * 1024
  let made = 0
  async function* source() {
    for (; made < size; made += 65_536) yield Buffer.alloc(65_536, 'x')
  }
  await using at = await setUp((request) => request.respond(200, {}, source()))
  const talk = new Talk(at.port)
  talk.socket.pause()
  talk.send(`GET / HTTP/1.1\r\n${H}Connection: close\r\n\r\n`)
  await new Promise((resolve) => talk.socket.once('connect', resolve))
  let before = -1
  // Until it makes nothing more, for the sockets are full.
  while (made === 0 || made !== before) {
    before = made
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  expect(made).toBeGreaterThan(0)
  expect(made).toBeLessThan(size)
  talk.socket.resume()
  expect((await talk.closed()).length).toBeGreaterThan(size)
})

test('a handler that leaves the body unread closes the connection: the body is no next request', async () => {
  await using at = await setUp((request) => request.respond(413, {}, 'no'))
  const hidden = `GET /hidden HTTP/1.1\r\n${H}\r\n`
  const text = await raw(at.port, `POST / HTTP/1.1\r\n${H}Content-Length: ${String(hidden.length)}\r\n\r\n${hidden}`)
  expect(text.match(/HTTP\/1\.1 [0-9]{3}/g)).toEqual(['HTTP/1.1 413'])
  expect(text).toContain('Connection: close')
})

test('a handler that fails is a 502; one that fails in the middle of its answer cuts it', async () => {
  await using early = await setUp(async () => {
    throw new Error('fault')
  })
  expect(await raw(early.port, `GET / HTTP/1.1\r\n${H}\r\n`)).toMatch(/^HTTP\/1\.1 502 /)
  async function* broken() {
    yield Buffer.from('begin')
    throw new Error('fault')
  }
  await using late = await setUp((request) => request.respond(200, {}, broken()))
  const text = await raw(late.port, `GET / HTTP/1.1\r\n${H}\r\n`)
  expect(text).toContain('begin')
  expect(text).not.toContain('0\r\n\r\n')
})

test.each([
  ['cut short', 'Content-Length: 5\r\n\r\nab'],
  ['of broken chunks', 'Transfer-Encoding: chunked\r\n\r\nzz\r\n'],
])('a body %s throws in the handler', async (_, rest) => {
  let thrown: unknown
  await using at = await setUp(async (request) => {
    await textOf(request).catch((error: unknown) => (thrown = error))
  })
  await raw(at.port, `POST / HTTP/1.1\r\n${H}${rest}`)
  expect(thrown).toBeInstanceOf(Error)
})

test('the signal aborts when the client goes and when the sandbox ends', async () => {
  const aborted: (() => void)[] = []
  let begun: () => void = () => undefined
  await using at = await setUp(async (request) => {
    begun()
    await new Promise<void>((resolve) =>
      request.signal.addEventListener('abort', () => {
        resolve()
      }),
    )
    aborted.shift()?.()
  })
  for (const leave of ['client', 'sandbox']) {
    const talk = new Talk(at.port)
    const running = new Promise<void>((resolve) => (begun = resolve))
    const over = new Promise<void>((resolve) => aborted.push(resolve))
    talk.send(`GET / HTTP/1.1\r\n${H}\r\n`)
    await running
    if (leave === 'client') talk.socket.resetAndDestroy()
    else at.session.end()
    await over
    talk.socket.destroy()
  }
})

test('respond() refuses a header that would break the head', async () => {
  await using at = await setUp((request) => request.respond(200, { 'x-a': 'a\r\nb: c' }))
  expect(await raw(at.port, `GET / HTTP/1.1\r\n${H}\r\n`)).not.toContain('b: c')
})
