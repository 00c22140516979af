import { connect } from 'node:net'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { FakeSession } from './support/fake-session.ts'
import { createWorld } from './support/world.ts'

const MIB = 1024 * 1024
const SIZE = 256 * MIB
const POLICY = { allow: [{ host: 'allowed.test' }], methods: 'all' as const }
const BLOCK = Buffer.alloc(256 * 1024, 'x')

/** Writes so many bytes, no faster than they are taken. */
async function pour(
  socket: { write: (bytes: Buffer) => boolean; once: (event: 'drain', done: () => void) => void },
  bytes = SIZE,
) {
  for (let left = bytes; left > 0; left -= BLOCK.length) {
    if (!socket.write(BLOCK))
      await new Promise<void>((resolve) => {
        socket.once('drain', resolve)
      })
  }
}

test('256 MiB up and 256 MiB down at once pass in constant memory, every byte counted', async () => {
  let up = 0
  const server = createServer({ noDelay: true }, (socket) => {
    let begun = false
    let poured = Promise.resolve()
    socket.on('data', (chunk: Buffer) => {
      up += chunk.length
      // An answer that ends before its request does ends the exchange: its last block waits.
      if (up >= SIZE && up - chunk.length < SIZE) void poured.then(() => socket.write(BLOCK))
      if (begun) return
      begun = true
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${String(SIZE)}\r\n\r\n`)
      poured = pour(socket, SIZE - BLOCK.length)
    })
    socket.on('error', () => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using world = await createWorld((server.address() as AddressInfo).port)
  const session = new FakeSession(POLICY)
  const socket = connect(await world.listen(session, { entry: 'plain' }), '127.0.0.1')
  let down = 0
  socket.on('data', (chunk: Buffer) => (down += chunk.length))
  socket.on('error', () => undefined)
  const before = process.memoryUsage().rss
  let peak = before
  const sampler = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20)
  socket.write(`POST / HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: ${String(SIZE)}\r\n\r\n`)
  await pour(socket)
  const [record] = await session.recorded(1)
  clearInterval(sampler)
  while (down < SIZE) await once(socket, 'data')
  server.close()
  expect(record?.end).toMatchObject({ status: 200, reason: null })
  expect(record?.end?.bytesUp).toBeGreaterThan(SIZE)
  expect(record?.end?.bytesDown).toBeGreaterThan(SIZE)
  expect(up).toBe(record?.end?.bytesUp)
  expect((peak - before) / MIB).toBeLessThan(160)
})

test('a client that does not read holds its upstream back', async () => {
  let sent = 0
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.once('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n')
      const more = () => {
        while (socket.writable && socket.write(BLOCK)) sent += BLOCK.length
        socket.once('drain', more)
      }
      more()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await using world = await createWorld((server.address() as AddressInfo).port)
  const socket = connect(await world.listen(new FakeSession(POLICY), { entry: 'plain' }), '127.0.0.1')
  socket.write('GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n')
  await once(socket, 'readable')
  let before = -1
  // Until the sockets on the way are full.
  while (sent !== before) {
    before = sent
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  expect(sent).toBeLessThan(64 * MIB)
  socket.destroy()
  server.close()
})
