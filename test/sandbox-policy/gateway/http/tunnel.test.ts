import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { Clock } from '../../../../sandbox-policy/gateway/http/clock.ts'
import { Tunnel } from '../../../../sandbox-policy/gateway/http/tunnel.ts'
import { Wire } from '../../../../sandbox-policy/gateway/http/wire.ts'

/** A peer that says what the test pushes; `reads`: it takes bytes, else they wait forever. */
function peer(reads: boolean) {
  const got: string[] = []
  const socket = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      got.push(chunk.toString())
      if (reads) done()
    },
  })
  return { socket, got, wire: new Wire(socket, new Clock()) }
}

test('a tunnel that both sides ended is gone in bounded time, also when one takes no more bytes', async () => {
  const client = peer(true)
  const upstream = peer(false)
  const over = new Tunnel(client.wire, upstream.wire, () => true, 30).run()
  client.socket.push('last')
  await new Promise((resolve) => setImmediate(resolve))
  upstream.socket.push(null)
  client.socket.push(null)
  expect(await over).toBeNull()
  if (!upstream.socket.closed) await once(upstream.socket, 'close')
  expect([client.socket.destroyed, upstream.socket.destroyed]).toEqual([true, true])
})

test('a tunnel that is cut while its last bytes wait is gone at once, on both sides', async () => {
  const client = peer(true)
  const upstream = peer(false)
  const tunnel = new Tunnel(client.wire, upstream.wire, () => true, 60_000)
  const over = tunnel.run()
  client.socket.push('last')
  await new Promise((resolve) => setImmediate(resolve))
  upstream.socket.push(null)
  client.socket.push(null)
  await new Promise((resolve) => setImmediate(resolve))
  tunnel.cut('revoked')
  expect(await over).toBe('revoked')
  expect([client.socket.destroyed, upstream.socket.destroyed]).toEqual([true, true])
})

test('a tunnel passes the last bytes of both sides', async () => {
  const [client, upstream] = [peer(true), peer(true)]
  const over = new Tunnel(client.wire, upstream.wire, () => true).run()
  client.socket.push('up')
  client.socket.push(null)
  upstream.socket.push('down')
  upstream.socket.push(null)
  expect(await over).toBeNull()
  expect([upstream.got, client.got]).toEqual([['up'], ['down']])
})
