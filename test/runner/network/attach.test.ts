import { expect, test } from 'vitest'
import { attach, place } from '../../../runner/network/attach.ts'

const NETWORK = {
  name: 'net',
  gateway: '10.213.0.6',
  bridge: '10.213.0.1',
  sandbox: '10.213.0.4',
  others: ['10.213.0.2', '10.213.0.3', '10.213.0.5'],
}
const names = (...all: string[]) => all.map((name) => ({ name }))

test('place() gives three services addresses of their own: neither the sandbox’s nor the gateway’s nor the bridge’s', () => {
  const addresses = place(NETWORK, names('a', 'b', 'c')).map(({ address }) => address)
  expect(new Set([...addresses, NETWORK.sandbox, NETWORK.gateway, NETWORK.bridge]).size).toBe(6)
})

test('place() refuses a service that the network has no room for', () => {
  expect(() => place(NETWORK, names('a', 'b', 'c', 'd'))).toThrow('no room')
})

test('attach() tells each who the others are', () => {
  const { sandbox, services } = attach(NETWORK, place(NETWORK, names('db', 'web')))
  const hosts = { db: '10.213.0.2', web: '10.213.0.3' }
  const common = { network: 'net', dns: '10.213.0.6' }
  expect(sandbox).toEqual({ ...common, address: '10.213.0.4', hosts })
  expect(services).toEqual([
    { ...common, address: '10.213.0.2', hosts: { sandbox: '10.213.0.4', ...hosts } },
    { ...common, address: '10.213.0.3', hosts: { sandbox: '10.213.0.4', ...hosts } },
  ])
})

test('attach() names nobody where there are no services', () => {
  expect(attach(NETWORK, [])).toMatchObject({ sandbox: { hosts: {} }, services: [] })
})
