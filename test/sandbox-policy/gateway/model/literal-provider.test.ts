import { networkInterfaces } from 'node:os'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { addressSet } from '../../../../sandbox-policy/addresses.ts'
import { createDialer } from '../../../../sandbox-policy/gateway/upstream/gateway-dialer.ts'

const settings = { forbidden: ['172.30.0.0/16'], hostAddresses: [], staticHosts: {}, upstreamCas: [] }
const dialer = createDialer({ settings: () => settings, ownAddresses: () => addressSet([]) })
const { signal } = new AbortController()

test.each([
  ['10.1.2.3', true, true],
  ['10.1.2.3', false, false],
  ['127.0.0.1', true, false],
  ['169.254.169.254', true, false],
  ['172.30.0.1', true, false],
  ['::1', true, false],
  ['fd00::1', true, true],
  ['0x7f.1', true, false],
  ['2130706433', true, false],
])('resolve() of the address %s with internal: %s', async (address, internal, allowed) => {
  const literal = dialer.resolve(address, { internal, literal: true }, signal)
  if (allowed) expect(await literal).toEqual([address])
  else await expect(literal).rejects.toThrow('Cannot')
  // Elsewhere an address is no name.
  await expect(dialer.resolve(address, { internal }, signal)).rejects.toThrow('not canonical')
})

const own = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address

test.skipIf(own === undefined)('connectTcp() dials an address that stands for itself', async () => {
  const server = createServer((socket) => socket.end('hello'))
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = await dialer.connectTcp({ name: own ?? '', address: own ?? '', port }, signal)
  expect(String(((await once(socket, 'data')) as [Buffer])[0])).toBe('hello')
  server.close()
})
