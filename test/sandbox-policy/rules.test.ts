import { expect, test } from 'vitest'
import { compilePolicy } from '../../sandbox-policy/compile.ts'
import type { EffectivePolicy } from '../../sandbox-policy/control.ts'
import type { Question } from '../../sandbox-policy/decide.ts'
import { Policy } from '../../sandbox-policy/policy.ts'
import { compile, connect, lookup, request, word } from './questions.ts'
import type { Input } from './questions.ts'

const OFF = compile({})
const RO = compile({ allow: [{ host: 'allowed.test' }, { host: '**.cdn.test' }] })
const ALL = compile({ preset: 'all', methods: 'all' })

test('decide() names the rule that decided', () => {
  const policy = compile(
    { preset: 'common', allow: [{ host: 'a.test' }, { host: 'b.test', methods: ['GET'] }], deny: [{ host: 'c.test' }] },
    { deny: [{ host: 'd.debian.org' }], ceiling: { preset: 'all', deny: [{ host: 'e.debian.org' }] } },
  )
  const rule = (name: string) => policy.decide(request(`GET ${name}`)).rule
  expect(['a.test', 'b.test', 'x.debian.org', 'c.test', 'd.debian.org', 'e.debian.org', 'f.test'].map(rule)).toEqual([
    'allow[0]',
    'allow[1]',
    'preset:common:debian.org',
    'deny[0]',
    'workspace:deny[0]',
    'workspace:ceiling',
    null,
  ])
  expect(ALL.decide(request('GET a.test')).rule).toBe('preset:all')
})

test('decide() lets nothing pass that the ceiling does not', () => {
  const policy = compile(
    { preset: 'all', methods: 'all', allow: [{ host: 'db.test', protocol: 'tcp', port: 22 }] },
    { ceiling: { allow: [{ host: '**.a.test' }] } },
  )
  expect(word(policy.decide(request('GET x.a.test')))).toBe('allow')
  expect(policy.decide(request('POST x.a.test'))).toMatchObject({ reason: 'method', rule: 'workspace:ceiling' })
  expect(policy.decide(request('GET b.test'))).toMatchObject({ reason: 'host', rule: 'workspace:ceiling' })
  expect(policy.decide(connect('b.test'))).toMatchObject({ reason: 'host', rule: 'workspace:ceiling' })
  expect(policy.decide(lookup('b.test'))).toMatchObject({ reason: 'host', rule: 'workspace:ceiling' })
  expect(policy.tcpPorts.size).toBe(0)
})

test('decide() lets nothing pass under a ceiling that allows nothing', () => {
  expect(word(compile({ preset: 'all' }, { ceiling: {} }).decide(request('GET a.test')))).toBe('host')
})

test('decide() denies a port only where the deny rule names one', () => {
  const policy = compile({
    methods: 'all',
    allow: [{ host: 'a.test' }, { host: 'a.test', port: 22, protocol: 'tcp' }],
    deny: [{ host: 'a.test', port: 80 }],
  })
  expect(policy.decide(connect('a.test', 80))).toMatchObject({ reason: 'port', rule: 'deny[0]' })
  expect(word(policy.decide(connect('a.test', 443)))).toBe('allow')
  expect(word(policy.decide(connect('a.test', 22, 'tcp')))).toBe('allow')
  expect(word(policy.decide(lookup('a.test')))).toBe('allow')
})

test.each([
  ['nothing', [], 'allow', ['db.test']],
  ['the host', [{ host: '**.db.test' }], 'host', []],
  ['the port', [{ host: 'db.test', port: 5432 }], 'port', []],
  ['tcp', [{ host: 'db.test', protocol: 'tcp' }], 'host', []],
  ['another port', [{ host: 'db.test', port: 443 }], 'allow', ['db.test']],
  ['http', [{ host: 'db.test', protocol: 'http' }], 'allow', ['db.test']],
  ['a path, which nobody can see in tcp', [{ host: 'db.test', path: '/x' }], 'host', []],
] as const)('tcpPorts lead to what a policy that denies %s leaves', (_, deny, expected, hosts) => {
  const policy = compile({ allow: [{ host: 'db.test', port: 5432, protocol: 'tcp', internal: true }], deny })
  const decision = policy.decide(connect('db.test', 5432, 'tcp'))
  expect([word(decision), ...policy.tcpPorts.values()]).toEqual([expected, ...hosts])
  if (decision.verdict === 'allow') expect(decision).toMatchObject({ internal: true, rule: 'allow[0]' })
  expect(word(policy.decide(lookup('db.test')))).toBe(expected)
  expect(policy.decide(request('GET db.test', { port: 5432 })).verdict).toBe('deny')
  expect(word(compile({ preset: 'all' }).decide(connect('db.test', 5432, 'tcp')))).toBe('port')
})

test('decide() takes internal only from rules that allow the request', () => {
  const policy = compile({
    methods: 'all',
    allow: [
      { host: 'a.test', path: '/in/', internal: true },
      { host: 'a.test', methods: ['GET'] },
      { host: '**.b.test' },
      { host: 'x.b.test', internal: true },
    ],
  })
  const internal = (question: Question) => policy.decide(question)
  expect(internal(request('GET a.test/in/x'))).toMatchObject({ internal: true, rule: 'allow[0]' })
  expect(internal(request('GET a.test/out'))).toMatchObject({ internal: false, rule: 'allow[1]' })
  expect(internal(request('GET x.b.test'))).toMatchObject({ internal: true })
  expect(internal(request('GET y.b.test'))).toMatchObject({ internal: false })
  expect(internal(connect('a.test'))).toMatchObject({ internal: false })
})

test('decide() admits private addresses under a ceiling only where this does, too', () => {
  const own = { allow: [{ host: 'a.test', internal: true }] }
  const under = (ceiling: Input) => compile(own, { ceiling }).decide(request('GET a.test'))
  expect(under({ preset: 'all' })).toMatchObject({ verdict: 'allow', internal: false })
  expect(under({ preset: 'all', allow: [{ host: '**.a.test', internal: true }] })).toMatchObject({ internal: true })
  const ceiling = { allow: [{ host: 'a.test' }, { host: 'a.test', path: '/x/', internal: true }] }
  expect(under(ceiling)).toMatchObject({ verdict: 'allow', internal: false })
})

test('decide() takes the credential of the nearest rule that allows the request', () => {
  const policy = compile({
    allow: [
      { host: '**.a.test', credential: 'wide' },
      { host: 'a.test', credential: 'exact' },
      { host: 'a.test', path: '/deep/', methods: ['POST'], credential: 'deep' },
    ],
  })
  const credential = (line: string) => policy.decide(request(line))
  expect(credential('GET x.a.test')).toMatchObject({ credential: 'wide', rule: 'allow[0]' })
  expect(credential('GET a.test')).toMatchObject({ credential: 'exact', rule: 'allow[1]' })
  expect(credential('GET a.test/deep/')).toMatchObject({ credential: 'exact' })
  expect(credential('POST a.test/deep/')).toMatchObject({ credential: 'deep', rule: 'allow[2]' })
  expect(credential('POST a.test/')).not.toHaveProperty('credential')
})

const PASS = { host: 'a.test', tls: 'passthrough' } as const

test.each([
  ['passthrough', { allow: [PASS] }, {}],
  ['passthrough', { preset: 'all', allow: [PASS] }, {}],
  ['passthrough', { allow: [PASS, { host: '**.a.test' }] }, {}],
  ['passthrough', { allow: [PASS, { host: 'a.test', port: 8443, path: '/x' }] }, {}],
  ['passthrough', { allow: [PASS], deny: [{ host: 'b.test', path: '/x' }] }, {}],
  ['passthrough', { allow: [PASS] }, { ceiling: { preset: 'all', methods: 'all' } }],
  ['inspect', { allow: [{ host: 'a.test' }] }, {}],
  ['inspect', { allow: [PASS, { host: '**.a.test', methods: ['GET'] }] }, {}],
  ['inspect', { allow: [PASS, { host: 'a.test', path: '/x' }] }, {}],
  ['inspect', { allow: [PASS, { host: 'a.test', credential: 'x' }] }, {}],
  ['inspect', { allow: [PASS, { host: 'a.test', tls: 'inspect' }] }, {}],
  ['inspect', { allow: [PASS], deny: [{ host: 'a.test', path: '/x' }] }, {}],
  ['inspect', { allow: [PASS], deny: [{ host: '**.a.test', methods: ['PUT'] }] }, {}],
  ['inspect', { allow: [PASS] }, { deny: [{ host: 'a.test', path: '/x' }] }],
  ['inspect', { allow: [PASS] }, { ceiling: { preset: 'all' } }],
  [
    'inspect',
    { allow: [PASS] },
    { ceiling: { preset: 'all', methods: 'all', allow: [{ host: 'a.test', path: '/x' }] } },
  ],
  ['inspect', { allow: [PASS] }, { ceiling: { methods: 'all', allow: [{ host: 'a.test', path: '/x' }] } }],
  [
    'inspect',
    { allow: [PASS] },
    { ceiling: { preset: 'all', methods: 'all', deny: [{ host: 'a.test', path: '/x' }] } },
  ],
  ['inspect', { allow: [PASS] }, { ceiling: { methods: 'all', allow: [{ host: 'a.test', tls: 'inspect' }] } }],
] as const)('decide() connects by %s under %j %j', (tls, policy, over) => {
  expect(compile(policy as Input, over as never).decide(connect('a.test'))).toMatchObject({ verdict: 'allow', tls })
})

test('decide() takes internal of a passthrough from passthrough rules alone', () => {
  const other = compile({ allow: [PASS, { host: 'a.test', internal: true }] })
  expect(other.decide(connect('a.test'))).toMatchObject({ tls: 'passthrough', internal: false })
  const own = compile({ allow: [PASS, { ...PASS, internal: true }] })
  expect(own.decide(connect('a.test'))).toMatchObject({ tls: 'passthrough', internal: true, rule: 'allow[1]' })
})

test('decide() allows WebSockets by a rule that names all usual methods, and by no lesser one', () => {
  const usual = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE']
  for (const [methods, expected] of [
    [usual, 'allow'],
    [usual.slice(1), 'method'],
    [usual.slice(0, 6), 'upgrade'],
    [['GET', 'POST'], 'upgrade'],
  ] as const) {
    const policy = compile({ allow: [{ host: 'a.test', methods: [...methods] }] })
    expect(word(policy.decide(request('GET a.test', { upgrade: true })))).toBe(expected)
  }
})

test('decide() says in one plain sentence what was asked and which rule would be needed', () => {
  const sentence = (policy: typeof RO, question: Question) => {
    const decision = policy.decide(question)
    return decision.verdict === 'deny' ? decision.sentence : ''
  }
  expect(sentence(RO, request('POST allowed.test'))).toBe(
    'Denied POST to allowed.test: the rule allow[0] allows only GET, HEAD, OPTIONS; needed would be a rule like {"host":"allowed.test","methods":["POST"]}.',
  )
  expect(sentence(RO, connect('evil.test', 22))).toContain('{"host":"evil.test","port":22}')
  expect(sentence(OFF, lookup('a.test'))).toBe('Denied looking up a.test: the network is off here.')
  const hostile = request('GET allowed.test/"\r\n<script>', { method: 'X\r\nEvil: 1' })
  for (const question of [hostile, connect('e\r\nvil', 1), request('POST allowed.test/\u001b[2J')]) {
    expect(sentence(RO, question)).toMatch(/^Denied [ -~]{1,600}\.$/)
    expect(sentence(RO, question)).not.toContain('script')
  }
})

test('compilePolicy() denies everything for a policy that is broken, and throws neither then nor later', () => {
  const broken = [
    { policy: { ...Policy.parse({ preset: 'all' }), deny: [{ host: '*' }] } },
    { policy: Policy.parse({ preset: 'all' }), deny: [{ host: 'a..b' }] },
    { policy: Policy.parse({ preset: 'all' }), ceiling: {} },
    { policy: undefined },
    {},
  ] as EffectivePolicy[]
  for (const policy of broken.map(compilePolicy)) {
    for (const question of [lookup('a.test'), connect('a.test'), request('GET a.test')]) {
      expect(policy.decide(question).verdict).toBe('deny')
    }
    expect(policy.tcpPorts.size).toBe(0)
  }
  for (const question of [undefined, {}, { kind: 'request', name: 'a.test', port: 443, method: 'GET', path: '/' }]) {
    expect(() => RO.decide(question as Question)).not.toThrow()
    expect(RO.decide(question as Question).verdict).toBe('deny')
  }
})

test('decide() does not follow a policy that is changed after it was compiled', () => {
  const policy = Policy.parse({ allow: [{ host: 'a.test' }] })
  const compiled = compilePolicy({ policy })
  policy.allow.push({ host: 'evil.test' })
  policy.preset = 'all'
  expect(word(compiled.decide(connect('evil.test')))).toBe('host')
})
