import { expect, test } from 'vitest'
import { FakeSession } from './support/fake-session.ts'
import { httpUpstream } from './support/upstream.ts'
import { createWorld, raw, Talk } from './support/world.ts'

const RO = { allow: [{ host: 'allowed.test' }, { host: '**.cdn.test' }] }

test('serveHttp() passes an allowed request on and its answer back, with one record', async () => {
  await using upstream = await httpUpstream()
  await using world = await createWorld(upstream.port)
  const session = new FakeSession(RO)
  const port = await world.listen(session)
  const answer = await raw(port, 'GET http://ALLOWED.test./a?b=c HTTP/1.1\r\nHost: allowed.test\r\nX-A: 1\r\n\r\n')
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  expect(answer).toMatch(/\r\n\r\nhello$/)
  expect(upstream.seen).toMatchObject([{ method: 'GET', url: '/a?b=c', host: 'allowed.test', body: '' }])
  expect(await session.recorded(1)).toMatchObject([
    {
      layer: 'http',
      asked: 'ALLOWED.test.',
      host: 'allowed.test',
      port: 80,
      address: '203.0.113.7',
      method: 'GET',
      path: '/a?b=c',
      verdict: 'allow',
      rule: 'allow[0]',
      end: { status: 200, reason: null },
    },
  ])
})

test('serveHttp() keeps the connection over a denial and over requests sent at once', async () => {
  await using upstream = await httpUpstream()
  await using world = await createWorld(upstream.port)
  const session = new FakeSession(RO)
  const port = await world.listen(session)
  const get = (host: string) => `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\n\r\n`
  const answer = await raw(port, get('allowed.test') + get('evil.test') + get('x.cdn.test') + get('allowed.test'))
  expect(answer.match(/HTTP\/1\.1 [0-9]{3}/g)).toHaveLength(4)
  expect(answer).toContain('X-Drydock-Denied: host')
  expect((await session.recorded(4)).map(({ verdict }) => verdict)).toEqual(['allow', 'deny', 'allow', 'allow'])
  expect(upstream.seen).toHaveLength(3)
  // The fourth request goes on the connection of the first.
  expect(world.dials).toHaveLength(2)
})

test('G09 serveHttp() takes requests to one server only on a transparent connection, to an allowed one or not', async () => {
  await using upstream = await httpUpstream()
  await using world = await createWorld(upstream.port)
  for (const other of ['x.cdn.test', 'evil.test']) {
    const session = new FakeSession(RO)
    const port = await world.listen(session, { entry: 'plain' })
    const get = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`
    const answer = await raw(port, get('allowed.test') + get('ALLOWED.test.') + get(other) + get('allowed.test'))
    expect(answer.match(/HTTP\/1\.1 [0-9]{3}/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 403'])
    expect((await session.recorded(3))[2]).toMatchObject({ asked: other, end: { reason: 'host-mismatch' } })
  }
  expect(upstream.seen.map(({ host }) => host)).toEqual(Array(4).fill('allowed.test'))
})

test('serveHttp() answers Expect: 100-continue as the server does, and passes the body', async () => {
  await using upstream = await httpUpstream()
  await using world = await createWorld(upstream.port)
  const session = new FakeSession({ ...RO, methods: 'all' })
  const talk = new Talk(await world.listen(session))
  talk.send(
    'POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n',
  )
  expect(await talk.until('\r\n\r\n')).toBe('HTTP/1.1 100 Continue\r\n\r\n')
  talk.send('body')
  expect(await talk.until('hello')).toContain('200 OK')
  expect(upstream.seen[0]?.body).toBe('body')
  talk.socket.destroy()
})
