import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import { expect, test } from 'vitest'
import { parseHostFiles } from '../../../runner/network/host-facts.ts'
import { readSettings } from '../../../runner/network/settings.ts'
import { contains } from '../../../runner/network/subnets.ts'

const here = async () =>
  parseHostFiles(
    await Promise.all(
      ['fib_trie', 'if_inet6', 'route'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')),
    ),
  )

test('parseHostFiles() finds every IPv4 address of this machine but loopback', async () => {
  const { addresses } = await here()
  const known = Object.values(networkInterfaces()).flatMap((all) => all ?? [])
  const outer = known.filter(({ family, internal }) => family === 'IPv4' && !internal)
  expect(addresses).toEqual(expect.arrayContaining(outer.map(({ address }) => address)))
  expect(addresses).not.toContain('127.0.0.1')
  expect(addresses).not.toContain('0000:0000:0000:0000:0000:0000:0000:0001')
})

test('parseHostFiles() reads routes with their masks and leaves the default one out', () => {
  const { routes } = parseHostFiles([
    '',
    '',
    'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n' +
      'eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\n' +
      'tun0\t0000D50A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\n',
  ])
  expect(routes).toHaveLength(1)
  const [range] = routes
  if (range === undefined) throw new Error('no route')
  expect(contains(range, '10.213.255.255')).toBe(true)
  expect(contains(range, '10.214.0.0')).toBe(false)
})

test('readSettings() forbids every Docker subnet and does not offer bridges as addresses of the host', async () => {
  const settings = await readSettings({
    engine: {
      listNetworks: async () => [
        { id: '1', name: 'bridge', labels: {}, subnets: ['172.17.0.0/16', 'fd01::/64'], bridges: ['172.17.0.1'] },
      ],
    },
    facts: Promise.resolve({ version: '', addressPools: ['10.99.0.0/16'] }),
    range: '10.213.0.0/16',
    host: { addresses: ['172.17.0.1', '198.51.100.7', 'fd00::2'], routes: [], isOurs: true },
    options: { forbidden: ['192.0.2.99'] },
  })
  expect(settings.forbidden).toEqual(['10.213.0.0/16', '10.99.0.0/16', '172.17.0.0/16', '192.0.2.99', 'fd01::/64'])
  expect(settings.hostAddresses).toEqual(['198.51.100.7', 'fd00::2'])
})
