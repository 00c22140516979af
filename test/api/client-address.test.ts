import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { clientOf, createAddressOf } from '../../api/client-address.ts'

async function seen(socket: string | undefined, forwarded: string, trusted: string[]) {
  const addressOf = createAddressOf(trusted)
  const app = new Hono().get('/', (c) => c.text(addressOf(c) ?? 'none'))
  const headers = forwarded === '' ? {} : { 'x-forwarded-for': forwarded }
  const answer = await app.request('/', { headers }, { incoming: { socket: { remoteAddress: socket } } })
  return answer.text()
}

test.each([
  ['192.0.2.1', '', [], '192.0.2.1'],
  ['192.0.2.1', '198.51.100.1', [], '192.0.2.1'],
  ['::ffff:192.0.2.1', '', [], '192.0.2.1'],
  ['10.0.0.1', '198.51.100.1', ['10.0.0.0/8'], '198.51.100.1'],
  ['10.0.0.1', '1.1.1.1, 198.51.100.1, 10.0.0.2', ['10.0.0.0/8'], '198.51.100.1'],
  ['10.0.0.1', '1.1.1.1, 198.51.100.1', ['10.0.0.1'], '198.51.100.1'],
  ['10.0.0.1', '198.51.100.1, nonsense', ['10.0.0.1'], '10.0.0.1'],
  ['10.0.0.1', '', ['10.0.0.1'], '10.0.0.1'],
  ['fd00::1', '2001:db8::7', ['fd00::/8', '10.0.0.0/8'], '2001:db8::7'],
  ['fe80::1%eth0', '', [], 'fe80::1'],
  [undefined, '198.51.100.1', ['10.0.0.1'], 'none'],
])('a request from %s that was forwarded for "%s" where %j are trusted comes from %s', async (...row) => {
  const [socket, forwarded, trusted, expected] = row
  expect(await seen(socket, forwarded, trusted)).toBe(expected)
})

test('clientOf() takes a network of IPv6 for one client', () => {
  expect([clientOf('192.0.2.1'), clientOf('2001:db8:1:2:3:4:5:6')]).toEqual(['192.0.2.1', '2001:db8:1:2::'])
})
