import fc from 'fast-check'
import { expect, test } from 'vitest'
import { contains, parseRange, readRange, subnetOf, subnetsOf } from '../../../runner/network/subnets.ts'

test('subnetsOf() gives every /29 of a range once', () => {
  const all = [...subnetsOf('10.213.4.0/24', [])].map(({ cidr }) => cidr)
  expect(new Set(all).size).toBe(32)
  expect(all).toContain('10.213.4.248/29')
})

test('subnetsOf() leaves out what overlaps, from either side', () => {
  const inside = parseRange('10.213.4.12/32')
  const around = parseRange('10.213.4.64/26')
  const given = [
    ...subnetsOf(
      '10.213.4.0/24',
      [inside, around].flatMap((range) => range ?? []),
    ),
  ]
  const cidrs = given.map(({ cidr }) => cidr)
  expect(cidrs).toHaveLength(32 - 1 - 8)
  expect(cidrs).not.toContain('10.213.4.8/29')
  expect(cidrs).not.toContain('10.213.4.120/29')
  expect(cidrs).toContain('10.213.4.128/29')
})

test('subnetsOf() begins at another place each time', () => {
  const starts = new Set(Array.from({ length: 20 }, () => [...subnetsOf('10.213.0.0/16', [])][0]?.cidr))
  expect(starts.size).toBeGreaterThan(10)
})

test('subnetOf() has bridge, sandboxes and gateway on different addresses of the network', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 29 - 1 }), (index) => {
      const base = index * 8
      const cidr = `${[24, 16, 8, 0].map((shift) => (base >>> shift) & 255).join('.')}/29`
      const subnet = subnetOf(cidr)
      const range = parseRange(cidr)
      if (subnet === undefined || range === undefined) throw new Error(cidr)
      const addresses = [subnet.bridge, ...subnet.sandboxes, subnet.gateway]
      expect(new Set(addresses).size).toBe(6)
      for (const address of addresses) expect(contains(range, address)).toBe(true)
    }),
  )
})

test.each(['10.0.0.0/30', 'fd00::/64', '10.0.0.0', '', '999.0.0.0/29', '10.0.0.0/29/29'])(
  'subnetOf() of %s is none',
  (cidr) => {
    expect(subnetOf(cidr)).toBeUndefined()
  },
)

test.each(['10.213.0.0', '10.213.0.0/28', '0.0.0.0/0', 'x'])('readRange() refuses %s', (cidr) => {
  expect(() => readRange(cidr)).toThrow(/Cannot use/)
})
