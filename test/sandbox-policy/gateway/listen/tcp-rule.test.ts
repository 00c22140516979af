import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DEFAULT_SANDBOX_LIMITS } from '../../../../sandbox-policy/control.ts'
import { openConnect, readAll, readUntil, startWorld, type World } from './world.ts'

let world: World
beforeEach(async () => {
  world = await startWorld()
})
afterEach(() => world[Symbol.asyncDispose]())

const closedOf = (socket: Socket) => (socket.closed ? Promise.resolve() : once(socket, 'close'))

describe('a tcp rule', () => {
  const policy = (port: number) => ({ allow: [{ host: 'db.test', port, protocol: 'tcp', internal: true }] })

  async function startEcho() {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.write('ready\n')
      socket.pipe(socket)
    })
    return world.upstream(server)
  }
  const freePort = async () => {
    const server = createServer()
    const port = await world.upstream(server)
    server.close()
    await once(server, 'close')
    return port
  }

  test('opens its port on the gateway address of its sandbox, passes bytes both ways, and closes with the rule', async () => {
    const port = await freePort()
    world.routes.set(`db.test:${port}`, await startEcho())
    await world.put(policy(port))
    const socket = world.dial(port, { allowHalfOpen: true })
    await readUntil(socket, 'ready')
    socket.write('abc')
    await readUntil(socket, 'abc')
    socket.end('last')
    expect((await readAll(socket)).toString()).toBe('last')
    await closedOf(socket)
    await expect
      .poll(() => world.ledger())
      .toMatchObject([
        {
          layer: 'tcp',
          host: 'db.test',
          port,
          address: '127.0.0.1',
          verdict: 'allow',
          bytesUp: 7,
          bytesDown: 13,
          reason: null,
        },
      ])
    const open = world.dial(port)
    await readUntil(open, 'ready')
    await world.put({ allow: [] }, { policyVersion: 2 })
    await closedOf(open)
    const [error] = (await once(world.dial(port), 'error')) as [NodeJS.ErrnoException]
    expect(error.code).toBe('ECONNREFUSED')
    expect(world.ledger()[1]).toMatchObject({ layer: 'tcp', reason: 'revoked' })
  })

  test('answers CONNECT, also where the server speaks first; E09 another port stays shut', async () => {
    await world.put(policy(5432))
    world.routes.set('db.test:5432', await startEcho())
    const { socket, head } = await openConnect(world, 'db.test:5432')
    expect(head).toContain('200')
    if (!head.includes('ready')) await readUntil(socket, 'ready')
    socket.destroy()
    expect((await openConnect(world, 'db.test:22')).head).toContain('403')
  })

  test('H02 to an address that may not be reached is refused before anything is dialled', async () => {
    await world.put(policy(5432))
    world.answers.set('db.test', ['127.0.0.1', '169.254.169.254'])
    const { head } = await openConnect(world, 'db.test:5432')
    expect(head).toContain('403')
    expect(world.dialed).toEqual([])
    expect(world.ledger()).toMatchObject([{ layer: 'connect', reason: 'private-address', address: '169.254.169.254' }])
  })

  test('to a server that is not there is a 502 and says so in the record', async () => {
    await world.put(policy(5432))
    world.routes.set('db.test:5432', await freePort())
    expect((await openConnect(world, 'db.test:5432')).head).toContain('502')
    expect(world.ledger()).toMatchObject([{ verdict: 'allow', reason: 'upstream-unreachable', status: 502 }])
  })

  test.each(['CONNECT', 'its port'])('opened by %s ends when it admits no private addresses any more', async (how) => {
    const port = await freePort()
    world.routes.set(`db.test:${port}`, await startEcho())
    await world.put(policy(port))
    const socket = how === 'CONNECT' ? (await openConnect(world, `db.test:${port}`)).socket : world.dial(port)
    socket.write('ping')
    await readUntil(socket, 'ping')
    await world.put({ allow: [{ host: 'db.test', port, protocol: 'tcp' }] }, { policyVersion: 2 })
    await closedOf(socket.resume())
    await expect.poll(() => world.ledger()).toMatchObject([{ host: 'db.test', reason: 'revoked' }])
  })

  test('is cut when the sandbox has used up its bytes', async () => {
    await world.put(policy(5432), { limits: { ...DEFAULT_SANDBOX_LIMITS, bytes: 1000 } })
    world.routes.set('db.test:5432', await startEcho())
    const { socket } = await openConnect(world, 'db.test:5432')
    socket.write(Buffer.alloc(2000))
    await closedOf(socket.resume())
    await expect.poll(() => world.ledger()).toMatchObject([{ reason: 'rate' }])
  })
})
