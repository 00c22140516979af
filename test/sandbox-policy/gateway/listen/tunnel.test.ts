import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { tunnel } from '../../../../sandbox-policy/gateway/listen/tunnel.ts'
import { FakeSession } from '../http/support/fake-session.ts'

async function pair(): Promise<{ near: Socket; far: Socket }> {
  const server = createServer({ allowHalfOpen: true })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const far = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  const [near] = (await accepted) as [Socket]
  server.close()
  return { near: near.on('error', () => {}), far: far.on('error', () => {}) }
}

test('a tunnel that both sides ended is gone in bounded time, also when the server takes no more bytes', async () => {
  const [client, upstream] = [await pair(), await pair()]
  const session = new FakeSession({})
  const record = await session.allow({ layer: 'tcp' })
  const { near } = upstream
  const options = { session, client: client.near, upstream: near, record, stillAllowed: () => true, lingerMs: 50 }
  const over = tunnel({ ...options, address: '203.0.113.7', status: null })
  upstream.far.pause()
  // Full: what comes now waits in the gateway.
  while (near.writableLength === 0) near.write(Buffer.alloc(1024 * 1024))
  upstream.far.end()
  client.far.resume().end()
  await over
  expect(near.destroyed).toBe(true)
  expect(session.records[0]?.end).toMatchObject({ address: '203.0.113.7', reason: null })
  upstream.far.destroy()
})

test('a client that ends before the tunnel is open ends its side at the server, and still has the answer', async () => {
  const [client, upstream] = [await pair(), await pair()]
  const session = new FakeSession({})
  const record = await session.allow({ layer: 'tcp' })
  const answer: Buffer[] = []
  client.far.on('data', (chunk: Buffer) => answer.push(chunk)).end()
  await once(client.near, 'end')
  const options = { session, client: client.near, upstream: upstream.near, record, stillAllowed: () => true }
  const over = tunnel({ ...options, address: '203.0.113.7', status: null })
  upstream.far.on('end', () => upstream.far.end('answer')).resume()
  await over
  await once(client.far, 'close')
  expect(Buffer.concat(answer).toString()).toBe('answer')
  expect(session.records[0]?.end).toMatchObject({ bytesUp: 0, bytesDown: 6, reason: null })
})
