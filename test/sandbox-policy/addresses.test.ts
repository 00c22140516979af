import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { expect, test } from 'vitest'
import { addressSet, classifyAddress, vetAddresses } from '../../sandbox-policy/addresses.ts'

const NOTHING = addressSet([])
const plain = { internal: false, forbidden: NOTHING, hostAddresses: NOTHING }
const inside = { ...plain, internal: true }
const refusal = (address: string) => ({ ok: false, reason: 'private-address', address })

/** Both ends of each range, and its neighbours that are public. */
const SITE = [
  ['10.0.0.0', '10.255.255.255', '9.255.255.255', '11.0.0.0'],
  ['172.16.0.0', '172.31.255.255', '172.15.255.255', '172.32.0.0'],
  ['192.168.0.0', '192.168.255.255', '192.167.255.255', '192.169.0.0'],
  ['100.64.0.0', '100.127.255.255', '100.63.255.255', '100.128.0.0'],
  ['192.0.2.0', '192.0.2.255', '192.0.1.255', '192.0.3.0'],
  ['198.51.100.0', '198.51.100.255', '198.51.99.255', '198.51.101.0'],
  ['203.0.113.0', '203.0.113.255', '203.0.112.255', '203.0.114.0'],
  ['2001:db8::', '2001:db8:ffff:ffff:ffff:ffff:ffff:ffff', '2001:db7:ffff::', '2001:db9::'],
  ['3fff::', '3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff', '3ffd:ffff::', '3fff:1000::'],
] as const

const CLOSED = [
  ['0.0.0.0', '0.255.255.255', '1.0.0.0', '1.0.0.1'],
  ['127.0.0.0', '127.255.255.255', '126.255.255.255', '128.0.0.0'],
  ['169.254.0.0', '169.254.255.255', '169.253.255.255', '169.255.0.0'],
  ['168.63.129.16', '168.63.129.16', '168.63.129.15', '168.63.129.17'],
  ['192.0.0.0', '192.0.0.255', '191.255.255.255', '192.0.1.0'],
  ['192.88.99.0', '192.88.99.255', '192.88.98.255', '192.88.100.0'],
  ['198.18.0.0', '198.19.255.255', '198.17.255.255', '198.20.0.0'],
  ['224.0.0.0', '239.255.255.255', '223.255.255.255', '223.255.255.254'],
  ['240.0.0.0', '255.255.255.255', '223.0.0.1', '8.8.8.8'],
  ['2001::', '2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff', '2000:ffff::', '2001:200::'],
  ['2002::', '2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff', '2001:ffff::', '2003::'],
] as const

test.each(SITE)('vetAddresses() opens %s to %s to internal rules only', (low, high, before, after) => {
  for (const address of [low, high]) {
    expect(vetAddresses([address], plain)).toEqual(refusal(address))
    expect(vetAddresses([address], inside)).toEqual({ ok: true })
  }
  for (const address of [before, after]) expect(vetAddresses([address], plain)).toEqual({ ok: true })
})

test.each(CLOSED)('vetAddresses() opens %s to %s to no rule', (low, high, before, after) => {
  for (const address of [low, high]) {
    expect(vetAddresses([address], plain)).toEqual(refusal(address))
    expect(vetAddresses([address], inside)).toEqual(refusal(address))
  }
  for (const address of [before, after]) expect(vetAddresses([address], plain)).toEqual({ ok: true })
})

test.each(['fc00::', 'fd00::1', 'fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'])(
  'vetAddresses() opens the unique-local %s to internal rules only',
  (address) => {
    expect(vetAddresses([address], plain)).toEqual(refusal(address))
    expect(vetAddresses([address], inside)).toEqual({ ok: true })
  },
)

test.each([
  ['loopback', '::1'],
  ['unspecified', '::'],
  ['link-local', 'fe80::1'],
  ['link-local', 'febf:ffff::1'],
  ['site-local', 'fec0::1'],
  ['multicast', 'ff02::1'],
  ['discard', '100::1'],
  ['segment routing', '5f00::1'],
  ['unallocated', '4000::1'],
  ['unallocated', 'e000::1'],
  ['metadata, EC2', '169.254.169.254'],
  ['metadata, ECS', '169.254.170.2'],
  ['metadata, EC2', 'fd00:ec2::254'],
  ['metadata, Google', 'fd20:ce::254'],
  ['metadata, Alibaba', '100.100.100.200'],
  ['metadata, Oracle', '192.0.0.192'],
  ['mapped loopback', '::ffff:127.0.0.1'],
  ['mapped metadata', '::ffff:a9fe:a9fe'],
  ['compatible', '::127.0.0.1'],
  ['compatible, public', '::8.8.8.8'],
  ['compatible', '::7f00:1'],
  ['NAT64 of loopback', '64:ff9b::7f00:1'],
  ['NAT64 of metadata', '64:ff9b::a9fe:a9fe'],
  ['NAT64 of private', '64:ff9b::10.0.0.1'],
  ['NAT64 of shared', '64:ff9b::100.64.0.1'],
  ['NAT64 of documentation', '64:ff9b::192.0.2.1'],
  ['NAT64 of reserved', '64:ff9b::240.0.0.1'],
  ['local NAT64', '64:ff9b:1::a00:1'],
  ['local NAT64 of public', '64:ff9b:1::808:808'],
  ['6to4 of private', '2002:a00:1::1'],
  ['6to4 of metadata', '2002:a9fe:a9fe::'],
  ['Teredo', '2001:0:4136:e378:8000:63bf:3fff:fdd2'],
  ['a zone', 'fe80::1%eth0'],
  ['a zone of a public one', '2606:4700::1111%1'],
  ['octal', '010.0.0.1'],
  ['octal of a public one', '010.8.8.8'],
  ['short', '127.1'],
  ['number', '2130706433'],
  ['no address', 'localhost'],
  ['no address', ''],
  ['no address', '8.8.8.8\0'],
  ['spaces', ' 8.8.8.8'],
])('vetAddresses() opens to no rule: %s %j', (_, address) => {
  expect(vetAddresses([address], plain)).toEqual(refusal(address))
  expect(vetAddresses([address], inside)).toEqual(refusal(address))
})

test.each([
  '8.8.8.8',
  '93.184.216.34',
  '2606:4700::1111',
  '::ffff:8.8.8.8',
  '64:ff9b::808:808',
  '64:ff9b::8.8.8.8',
  '2a00:1450::1',
])('vetAddresses() opens the public %s to every rule', (address) => {
  expect(vetAddresses([address], plain)).toEqual({ ok: true })
  expect(vetAddresses([address], inside)).toEqual({ ok: true })
})

test('vetAddresses() refuses the whole answer for one of its addresses, and an empty one', () => {
  expect(vetAddresses(['93.184.216.34', '127.0.0.1'], plain)).toEqual(refusal('127.0.0.1'))
  expect(vetAddresses(['93.184.216.34', '10.0.0.1', '::1'], inside)).toEqual(refusal('::1'))
  expect(vetAddresses([], inside)).toEqual(refusal(''))
})

test('vetAddresses() opens forbidden prefixes to no rule, in no disguise', () => {
  const forbidden = addressSet(['172.17.0.0/16', '10.213.0.0/16', '8.8.4.4', '2606:4700::/32'])
  for (const address of [
    '172.17.0.1',
    '10.213.4.6',
    '8.8.4.4',
    '::ffff:172.17.0.1',
    '64:ff9b::808:404',
    '2606:4700::1',
  ]) {
    expect(vetAddresses([address], { ...plain, forbidden })).toEqual(refusal(address))
    expect(vetAddresses([address], { ...inside, forbidden })).toEqual(refusal(address))
    expect(vetAddresses([address], { ...inside, forbidden, hostAddresses: forbidden })).toEqual(refusal(address))
  }
  expect(vetAddresses(['172.18.0.1', '10.212.0.1', '8.8.8.8', '2606:4701::1'], { ...inside, forbidden })).toEqual({
    ok: true,
  })
})

test('vetAddresses() opens the host’s own addresses to internal rules only, never its loopback and link-local ones', () => {
  const own = ['203.0.113.7', '8.8.4.4', '198.18.0.5', '2a00:1450::7', '127.0.0.1', '169.254.1.1', '::1', 'fe80::7']
  const hostAddresses = addressSet(own)
  for (const address of own.slice(0, 4)) {
    expect(vetAddresses([address], { ...plain, hostAddresses })).toEqual(refusal(address))
    expect(vetAddresses([address], { ...inside, hostAddresses })).toEqual({ ok: true })
  }
  for (const address of own.slice(4)) {
    expect(vetAddresses([address], { ...inside, hostAddresses })).toEqual(refusal(address))
  }
  expect(vetAddresses(['::ffff:8.8.4.4'], { ...plain, hostAddresses })).toEqual(refusal('::ffff:8.8.4.4'))
  expect(vetAddresses(['64:ff9b::808:404'], { ...plain, hostAddresses })).toEqual(refusal('64:ff9b::808:404'))
})

test.each([
  '10.0.0.0/33',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '10.0/8',
  '::/129',
  '::ffff:10.0.0.0/104',
  'x',
  '',
  '10.0.0.0/-1',
  '10.0.0.0/08',
])('addressSet() throws on %j', (entry) => {
  expect(() => addressSet(['8.8.8.8', entry])).toThrow(RangeError)
})

test('addressSet() takes /0 of a family as all of it', () => {
  const all = addressSet(['0.0.0.0/0', '::/0'])
  expect([all.has('8.8.8.8'), all.has('2606:4700::1'), all.has('::ffff:1.1.1.1')]).toEqual([true, true, true])
  expect(NOTHING.has('8.8.8.8')).toBe(false)
})

test('classifyAddress() calls public only what ipaddr.js calls unicast', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
      if (classifyAddress(text) !== 'public') return
      const range = ipaddr.process(text).range()
      expect(['unicast', 'rfc6052', 'droneRemoteIdProtocolEntityTags']).toContain(range)
    }),
    { numRuns: 8000 },
  )
})

test('classifyAddress() reads an address as its bytes, however it is spelled', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.boolean(), (raw, isWrapped) => {
      const bytes = isWrapped ? Uint8Array.from([...new Array<number>(12).fill(0), ...raw.subarray(12)]) : raw
      const address = ipaddr.fromByteArray([...bytes])
      const groups = address.toNormalizedString()
      const dotted = `${groups.split(':').slice(0, 6).join(':')}:${[...bytes.subarray(12)].join('.')}`
      const kinds = [groups, dotted, address.toString(), groups.toUpperCase()].map(classifyAddress)
      expect(new Set(kinds).size).toBe(1)
    }),
    { numRuns: 5000 },
  )
})

test('vetAddresses() judges an IPv4 address and its mapped form alike', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.boolean(), (address, internal) => {
      const bounds = { ...plain, internal }
      expect(vetAddresses([`::ffff:${address}`], bounds).ok).toBe(vetAddresses([address], bounds).ok)
    }),
  )
})

test('addressSet() takes one mapped address for the IPv4 address that it is', () => {
  const one = addressSet(['::ffff:10.0.0.1'])
  expect([one.has('10.0.0.1'), one.has('::ffff:a00:1'), one.has('10.0.0.2')]).toEqual([true, true, false])
})
