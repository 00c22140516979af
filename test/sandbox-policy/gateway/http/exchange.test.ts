import { expect, test } from 'vitest'
import type { Socket } from 'node:net'
import { FakeSession } from './support/fake-session.ts'
import { answering, rawUpstream } from './support/upstream.ts'
import { createWorld, raw, Talk, type WorldOptions } from './support/world.ts'

const GET = 'GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** One gateway before one upstream of bare bytes. */
async function setUp(onConnection: (socket: Socket, index: number) => void, options: WorldOptions = {}) {
  const upstream = await rawUpstream(onConnection)
  const world = await createWorld(upstream.port, options)
  const session = new FakeSession({ allow: [{ host: 'allowed.test' }], methods: 'all' })
  const port = await world.listen(session, { entry: 'plain' })
  const close = async () => {
    await world.close()
    await upstream.close()
  }
  return { upstream, world, session, port, [Symbol.asyncDispose]: close }
}

test('the record names the address that answered', async () => {
  const options = { resolve: async () => ['203.0.113.1', '203.0.113.2'], dead: ['203.0.113.1'] }
  await using at = await setUp(answering(OK), options)
  await raw(at.port, GET)
  expect(await at.session.recorded(1)).toMatchObject([{ address: '203.0.113.1', end: { address: '203.0.113.2' } }])
})

test('TLS sessions towards servers are one sandbox’s', async () => {
  await using at = await setUp(answering(OK))
  await raw(at.port, GET)
  expect(at.world.dials).toMatchObject([{ partition: at.session.id }])
})

test('an exchange with an address that only an internal rule admits ends with that rule', async () => {
  await using at = await setUp((socket) => {
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\n\r\npart'))
  })
  at.session.setPolicy({ allow: [{ host: 'allowed.test', internal: true }] })
  const talk = new Talk(at.port)
  talk.send(GET)
  await talk.until('part')
  at.session.setPolicy({ allow: [{ host: 'allowed.test', internal: true }, { host: 'x.test' }] })
  expect(at.session.records[0]?.end).toBeUndefined()
  at.session.setPolicy({ allow: [{ host: 'allowed.test' }] })
  await talk.closed()
  expect(await at.session.recorded(1)).toMatchObject([{ end: { reason: 'revoked' } }])
})

const tick = () => new Promise<void>((resolve) => setImmediate(resolve))

test.each(['the look-up', 'the record', 'the connection'] as const)(
  'a policy that changes during %s lets no byte out, and one record says so',
  async (when) => {
    let change = async () => {}
    const during = (what: typeof when) => async () => {
      if (what === when) await change()
    }
    await using at = await setUp(answering(OK), {
      beforeDial: during('the connection'),
      resolve: async () => {
        await during('the look-up')()
        return ['203.0.113.7']
      },
    })
    at.session.beforeAllow = during('the record')
    // The control.
    expect(await raw(at.port, GET)).toContain('200 OK')
    at.session.setPolicy({ allow: [{ host: 'allowed.test' }, { host: 'x.test' }] })
    change = async () => {
      at.session.setPolicy({ allow: [{ host: 'x.test' }] })
      await tick()
    }
    expect(await raw(at.port, GET)).toBe('')
    expect(at.upstream.received.join('').match(/GET/g)).toHaveLength(1)
    const [, record] = await at.session.recorded(2)
    expect(record).toMatchObject({ host: 'allowed.test', end: { reason: 'revoked' } })
    expect(at.session.records).toHaveLength(2)
  },
)

test('a request whose client leaves during the look-up is on the ledger: its name went out', async () => {
  const talks: Talk[] = []
  await using at = await setUp(answering(OK), {
    resolve: async () => {
      talks[0]?.socket.resetAndDestroy()
      await talks[0]?.closed()
      await new Promise((resolve) => setTimeout(resolve, 20))
      return ['203.0.113.7']
    },
  })
  const talk = new Talk(at.port)
  talks.push(talk)
  talk.send(GET)
  expect(await at.session.recorded(1)).toMatchObject([{ host: 'allowed.test', verdict: 'allow', end: {} }])
  expect(at.upstream.sockets).toHaveLength(0)
})
