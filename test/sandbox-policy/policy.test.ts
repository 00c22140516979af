import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EffectivePolicySchema, Policy, adminFeatures, isOff, parsePolicy } from '../../sandbox-policy/policy.ts'
import { policies } from './fuzz/policies.ts'

const host = 'a.test'

test('parsePolicy() fills in what is left out', () => {
  const off = { preset: 'none', methods: 'safe', gitRead: false, allow: [], deny: [] }
  expect(parsePolicy({})).toEqual({ ok: true, policy: off })
})

test('parsePolicy() takes the policy file of the documentation', () => {
  const file = {
    preset: 'none',
    methods: 'safe',
    gitRead: true,
    allow: [
      { host: 'allowed.test' },
      { host: '**.cdn.test', methods: ['GET'], path: '/pub/' },
      { host: 'db.corp.test', port: 5432, protocol: 'tcp', internal: true },
    ],
    deny: [{ host: '**.bad.test' }],
  }
  expect(parsePolicy(file)).toEqual({ ok: true, policy: file })
})

test.each([
  [{ host, methods: ['PROPFIND', 'M-SEARCH'] }],
  [{ host, path: '/' }],
  [{ host, path: '/caf%C3%A9' }],
  [{ host, port: 8443, internal: true, credential: 'npm-token' }],
  [{ host, tls: 'passthrough', internal: true }],
  [{ host, tls: 'inspect', methods: ['GET'] }],
])('parsePolicy() takes the rule %j', (rule) => {
  expect(parsePolicy({ allow: [rule] })).toMatchObject({ ok: true, policy: { allow: [rule] } })
})

test.each<[unknown, RegExp]>([
  [{ colour: 'red' }, /colour/],
  [{ preset: 'some' }, /^preset: /],
  [{ methods: 'GET' }, /^methods: /],
  [{ gitRead: 'yes' }, /^gitRead: /],
  [{ allow: {} }, /^allow: /],
  [{ allow: [{}] }, /^allow\[0\]\.host: /],
  [{ allow: [{ host: '*' }] }, /^allow\[0\]\.host: .*wildcard/],
  [{ deny: [{ host }, { host: '*.co.uk' }] }, /^deny\[1\]\.host: .*co\.uk/],
  [{ allow: [{ host, hosts: [] }] }, /^allow\[0\]: .*hosts/],
  [{ allow: [{ host, methods: [] }] }, /^allow\[0\]\.methods: /],
  [{ allow: [{ host, methods: ['get'] }] }, /^allow\[0\]\.methods\[0\]: .*capital/],
  [{ allow: [{ host, methods: ['GET', 'CONNECT'] }] }, /^allow\[0\]\.methods\[1\]: /],
  [{ allow: [{ host, methods: ['TRACE'] }] }, /methods\[0\]/],
  [{ allow: [{ host, methods: ['GET X'] }] }, /methods\[0\]/],
  [{ allow: [{ host, methods: ['GET\r\nX: y'] }] }, /methods\[0\]/],
  [{ allow: [{ host, path: 'pub/' }] }, /^allow\[0\]\.path: /],
  [{ allow: [{ host, path: '/pub/../' }] }, /^allow\[0\]\.path: .*spelled/],
  [{ allow: [{ host, path: '/a//b' }] }, /path/],
  [{ allow: [{ host, path: '/a?b' }] }, /path/],
  [{ allow: [{ host, path: '/%2e' }] }, /path/],
  [{ allow: [{ host, path: `/${'a'.repeat(1024)}` }] }, /path/],
  [{ allow: [{ host, port: 0 }] }, /^allow\[0\]\.port: /],
  [{ allow: [{ host, port: 65536 }] }, /port/],
  [{ allow: [{ host, port: 1.5 }] }, /port/],
  [{ allow: [{ host, port: '443' }] }, /port/],
  [{ allow: [{ host, protocol: 'udp' }] }, /protocol/],
  [{ allow: [{ host, credential: 'a\nb' }] }, /credential/],
  [{ allow: [{ host, credential: '' }] }, /credential/],
  [{ allow: [{ host, tls: 'passthrough', methods: ['GET'] }] }, /^allow\[0\]\.tls: .*methods/],
  [{ allow: [{ host, tls: 'passthrough', path: '/x' }] }, /^allow\[0\]\.tls: .*path/],
  [{ allow: [{ host, tls: 'passthrough', credential: 'x' }] }, /^allow\[0\]\.tls: .*credential/],
  [{ allow: [{ host, protocol: 'tcp' }] }, /^allow\[0\]\.port: .*needs a port/],
  [{ allow: [{ host: '*.a.test', protocol: 'tcp', port: 22 }] }, /^allow\[0\]\.host: .*exact/],
  [{ allow: [{ host, protocol: 'tcp', port: 22, methods: ['GET'] }] }, /^allow\[0\]\.methods: /],
  [{ allow: [{ host, protocol: 'tcp', port: 22, path: '/x' }] }, /^allow\[0\]\.path: /],
  [{ allow: [{ host, protocol: 'tcp', port: 22, tls: 'passthrough' }] }, /^allow\[0\]\.tls: /],
  [{ allow: [{ host, protocol: 'tcp', port: 22, credential: 'x' }] }, /^allow\[0\]\.credential: /],
  ...[53, 80, 443, 3128].map((port): [unknown, RegExp] => [
    { allow: [{ host, protocol: 'tcp', port }] },
    /^allow\[0\]\.port: .*gateway itself/,
  ]),
  [
    {
      allow: [
        { host, protocol: 'tcp', port: 22 },
        { host: 'b.test', protocol: 'tcp', port: 22 },
      ],
    },
    /^allow\[1\]\.port: .*22/,
  ],
  [{ allow: Array.from({ length: 33 }, (_, n) => ({ host, protocol: 'tcp', port: 1000 + n })) }, /^allow: At most 32/],
  [{ allow: Array.from({ length: 1001 }, () => ({ host })) }, /^allow: /],
  [{ deny: [{ host, internal: true }] }, /^deny\[0\]\.internal: /],
  [{ deny: [{ host, credential: 'x' }] }, /^deny\[0\]\.credential: /],
  [{ deny: [{ host, tls: 'inspect' }] }, /^deny\[0\]\.tls: /],
  [{ deny: [{ host, protocol: 'tcp', path: '/x' }] }, /^deny\[0\]\.path: /],
  [null, /object/],
  [[], /object/],
  ['{}', /object/],
])('parsePolicy() refuses %j and says where', (json, said) => {
  const parsed = parsePolicy(json)
  expect(parsed.ok ? [] : parsed.faults).toContainEqual(expect.stringMatching(said))
})

test('parsePolicy() refuses keys that come in by a prototype', () => {
  const parsed = parsePolicy(JSON.parse('{"__proto__": {"preset": "all"}, "allow": [{"host": "a.test"}]}'))
  expect(parsed.ok ? parsed.policy.preset : 'none').toBe('none')
})

test('parsePolicy() names every fault, not only the first', () => {
  const parsed = parsePolicy({ preset: 'x', allow: [{ host: '*' }, { host: 'a..b', port: 0 }] })
  expect(parsed.ok ? [] : parsed.faults.map((fault) => fault.split(':')[0])).toEqual([
    'preset',
    'allow[0].host',
    'allow[1].host',
    'allow[1].port',
  ])
})

test('parsePolicy() takes a tcp rule and an http rule on one port', () => {
  const allow = [
    { host, protocol: 'tcp', port: 8080 },
    { host: 'b.test', port: 8080 },
  ]
  expect(parsePolicy({ allow }).ok).toBe(true)
})

test.each([
  [undefined, true],
  [{}, true],
  [{ preset: 'none', allow: [], deny: [{ host }], methods: 'all', gitRead: true }, true],
  [{ preset: 'all' }, false],
  [{ preset: 'common' }, false],
  [{ allow: [{ host }] }, false],
])('isOff() of %j is %s', (policy, off) => {
  expect(isOff(policy && Policy.parse(policy))).toBe(off)
})

test.each([
  [{ allow: [{ host }], preset: 'all', methods: 'all' }, []],
  [{ allow: [{ host, internal: false, tls: 'inspect' }] }, []],
  [{ allow: [{ host }, { host, internal: true }] }, ['internal']],
  [
    {
      allow: [
        { host, credential: 'x' },
        { host: 'b.test', tls: 'passthrough' },
      ],
    },
    ['credential', 'passthrough'],
  ],
])('adminFeatures() of %j are %j', (policy, features) => {
  expect(adminFeatures(Policy.parse(policy))).toEqual(features)
})

test('EffectivePolicySchema refuses what is broken anywhere', () => {
  const policy = { preset: 'all' }
  expect(EffectivePolicySchema.safeParse({ policy }).success).toBe(true)
  expect(EffectivePolicySchema.safeParse({ policy, ceiling: { preset: 'common' }, deny: [{ host }] }).success).toBe(
    true,
  )
  for (const broken of [
    {},
    { policy, ceiling: { preset: 'x' } },
    { policy, deny: [{ host: '*' }] },
    { policy, more: 1 },
  ]) {
    expect(EffectivePolicySchema.safeParse(broken).success).toBe(false)
  }
})

test('Policy reads back as itself what it wrote', () => {
  fc.assert(
    fc.property(policies, (policy) => {
      expect(Policy.parse(JSON.parse(JSON.stringify(policy)))).toEqual(policy)
    }),
  )
})
