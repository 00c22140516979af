import { expect, test } from 'vitest'
import { compilePolicy } from '../../sandbox-policy/compile.ts'
import { Policy } from '../../sandbox-policy/policy.ts'
import { compile, connect, lookup, request, word } from './questions.ts'

const OFF = compile({})
const RO = compile({ allow: [{ host: 'allowed.test' }, { host: '**.cdn.test' }] })
const RW = compile({ methods: 'all', allow: [{ host: 'allowed.test' }, { host: '**.cdn.test' }] })
const WILD = compile({ allow: [{ host: '*.allowed.test' }] })
const ALL = compile({ preset: 'all', methods: 'all' })
const ALLRO = compile({ preset: 'all' })
const GIT = compile({ gitRead: true, allow: [{ host: 'allowed.test' }] })

test.each([
  ['OFF', OFF, lookup('allowed.test'), 'off'],
  ['OFF', OFF, connect('allowed.test'), 'off'],
  ['OFF', OFF, request('GET allowed.test'), 'off'],
  ['B02', RO, connect('allowed.test'), 'allow'],
  ['B05', WILD, connect('allowed.test'), 'host'],
  ['B05', WILD, connect('x.allowed.test'), 'allow'],
  ['B05', WILD, connect('y.x.allowed.test'), 'allow'],
  ['B06', WILD, connect('evilallowed.test'), 'host'],
  ['B06', WILD, connect('allowed.test.evil.test'), 'host'],
  ['B23', RO, connect('allowed.test', 22), 'port'],
  ['B23', RO, connect('allowed.test', 25), 'port'],
  ['B23', RO, connect('allowed.test', 8443), 'port'],
  ['B23', RO, connect('allowed.test', 80), 'allow'],
  ['B23', RO, connect('allowed.test', 443, 'tcp'), 'port'],
  ['C02', RO, lookup('736563726574.evil.test'), 'host'],
  ['C05', RO, lookup('cloudflare-dns.com'), 'host'],
  ['C08', RO, lookup('allowed.test'), 'allow'],
  ['C08', RO, lookup('cdn.test'), 'allow'],
  ['C08', RO, lookup('a.b.cdn.test'), 'allow'],
  ['D01', RO, request('GET allowed.test'), 'allow'],
  ['D01', RO, request('HEAD a.cdn.test'), 'allow'],
  ['D01', RO, request('GET evil.test'), 'host'],
  ['D01', RO, request('GET allowed.test', { port: 8080 }), 'port'],
  ['D02', RO, request('POST allowed.test'), 'method'],
  ...['PUT', 'PATCH', 'DELETE', 'PROPFIND', 'QUERY', 'TRACE', 'PURGE', 'SEARCH', 'get', 'Get', 'PRI', 'CONNECT'].map(
    (method) => ['D03', RO, request(`${method} allowed.test`), 'method'] as const,
  ),
  ['D03', RW, request('PROPFIND allowed.test', { hasBody: true }), 'allow'],
  ['D03', RW, request('TRACE allowed.test'), 'method'],
  ['D03', RW, request('trace allowed.test'), 'method'],
  ['D03', RW, request('TRACK allowed.test'), 'method'],
  ['D05', RO, request('GET allowed.test', { headers: { 'x-http-method-override': 'DELETE' } }), 'header'],
  ['D05', RO, request('GET allowed.test', { headers: { 'x-method-override': 'DELETE' } }), 'header'],
  ['D05', RO, request('GET allowed.test', { headers: { 'x-http-method': 'DELETE' } }), 'header'],
  ['D05', RO, request('GET allowed.test', { headers: { x_http_method_override: 'DELETE' } }), 'header'],
  ['D05', RO, request('GET allowed.test', { headers: { 'x-http_method-override': 'DELETE' } }), 'header'],
  ['D05', RO, request('GET allowed.test', { headers: { 'x-http-version': '1' } }), 'allow'],
  ['D05', RW, request('GET allowed.test', { headers: { 'x-http-method-override': 'DELETE' } }), 'allow'],
  ['D06', RO, request('GET allowed.test', { hasBody: true }), 'body'],
  ['D06', RW, request('GET allowed.test', { hasBody: true }), 'allow'],
  ['D08', RO, request('OPTIONS allowed.test*'), 'allow'],
  ['D08', RO, request('OPTIONS allowed.test', { hasBody: true }), 'body'],
  ['D08', RO, request('GET allowed.test*'), 'malformed'],
  ['D09', RW, request('CONNECT allowed.test'), 'method'],
  ['D09', ALL, request('CONNECT allowed.test'), 'method'],
  ['D17', GIT, request('GET allowed.test/o/r.git/info/refs?service=git-upload-pack'), 'allow'],
  ['D18', GIT, request('GET allowed.test/o/r.git/info/refs?service=git-receive-pack'), 'path'],
  ['D18', GIT, request('GET allowed.test/o/r.git/info/refs?service=git%2Dreceive-pack'), 'path'],
  ['D18', GIT, request('POST allowed.test/o/r.git/git-receive-pack', { hasBody: true }), 'path'],
  ['D18', RO, request('GET allowed.test/o/r.git/info/refs?service=git-receive-pack'), 'path'],
  ['D18', RW, request('POST allowed.test/o/r.git/git-receive-pack', { hasBody: true }), 'allow'],
  ['D20', ALLRO, request('GET evil.test/secret'), 'allow'],
  ['D20', ALLRO, request('POST evil.test/secret'), 'method'],
  ['F06', RO, request('GET allowed.test', { upgrade: true }), 'upgrade'],
  ['F08', RW, request('GET allowed.test', { upgrade: true }), 'allow'],
  ['J12', RO, connect('evil.test'), 'host'],
  ['J12', RO, lookup('evil.test'), 'host'],
  ['', ALL, connect('anything.example'), 'allow'],
  ['', ALL, connect('anything.example', 22), 'port'],
  ['', ALL, request('GET a.test//x/../y'), 'allow'],
  ['', ALL, request('GET a.test/x y'), 'malformed'],
  ['', ALL, request('G@T a.test/'), 'malformed'],
  ['', ALL, connect('Evil.test'), 'malformed'],
  ['', ALL, connect('evil.test.'), 'malformed'],
  ['', ALL, connect('127.1'), 'malformed'],
  ['', ALL, lookup('a..b'), 'malformed'],
] as const)('decide() %s', (_, policy, question, expected) => {
  expect([question, word(policy.decide(question))]).toEqual([question, expected])
})

const FETCH = { hasBody: true, headers: { 'content-type': 'application/x-git-upload-pack-request' } }

test.each([
  ['allow', GIT, request('POST allowed.test/o/r.git/git-upload-pack', FETCH)],
  ['method', RO, request('POST allowed.test/o/r.git/git-upload-pack', FETCH)],
  ['host', GIT, request('POST evil.test/o/r.git/git-upload-pack', FETCH)],
  ['method', GIT, request('POST allowed.test/o/r.git/git-upload-pack', { hasBody: true })],
  ['method', GIT, request('POST allowed.test/o/r.git/git-upload-pack?x=1', FETCH)],
  ['method', GIT, request('PUT allowed.test/o/r.git/git-upload-pack', FETCH)],
  ['method', GIT, request('POST allowed.test/o/r.git/git-upload-pack/x', FETCH)],
  ['method', GIT, request('POST allowed.test/api/..;/git-upload-pack', FETCH)],
  ['method', GIT, request('POST allowed.test/api%3f/git-upload-pack', FETCH)],
  ['method', GIT, request('POST allowed.test/git-upload-pack', { ...FETCH, upgrade: true })],
  [
    'method',
    GIT,
    request('POST allowed.test/git-upload-pack', { headers: { ...FETCH.headers, 'x-http-method-override': 'PUT' } }),
  ],
  [
    'method',
    compile({ gitRead: true, allow: [{ host: 'a.test', methods: ['GET'] }] }),
    request('POST a.test/git-upload-pack', FETCH),
  ],
  [
    'path',
    compile({ gitRead: true, allow: [{ host: 'a.test', path: '/o/' }] }),
    request('POST a.test/p/git-upload-pack', FETCH),
  ],
  [
    'allow',
    compile({ gitRead: true, allow: [{ host: 'a.test', path: '/o/' }] }),
    request('POST a.test/o/git-upload-pack', FETCH),
  ],
] as const)('decide() of a git fetch: %s', (expected, policy, question) => {
  expect(word(policy.decide(question))).toBe(expected)
})

const PATHS = compile({
  methods: 'all',
  allow: [{ host: 'a.test', path: '/pub/' }, { host: 'a.test', path: '/v1', methods: ['POST'] }, { host: 'b.test' }],
  deny: [{ host: 'b.test', path: '/secret' }, { host: 'b.test', methods: ['DELETE'] }, { host: '*.c.test' }],
})

test.each([
  ['GET a.test/pub/x', 'allow'],
  ['DELETE a.test/pub/', 'allow'],
  ['GET a.test/pub', 'path'],
  ['GET a.test/public', 'path'],
  ['GET a.test/PUB/x', 'path'],
  ['POST a.test/v1', 'allow'],
  ['POST a.test/v1/x', 'allow'],
  ['POST a.test/v10', 'path'],
  ['GET a.test/v1', 'method'],
  ['OPTIONS a.test*', 'path'],
  ...['//', '/./', '/..', '/%2e%2e/', '%2f', '%5c', '\\', ';x', '%00', '%61', '%c0%ae', '\xe9'].map(
    (text) => [`GET a.test/pub/${text}`, 'malformed'] as const,
  ),
  ['GET b.test/x', 'allow'],
  ['GET b.test/secrets', 'allow'],
  ['GET b.test/secret', 'path'],
  ['GET b.test/secret/x', 'path'],
  ['GET b.test//secret', 'malformed'],
  ['GET b.test/%73ecret', 'malformed'],
  ['GET b.test/x/../secret', 'malformed'],
  ['DELETE b.test/x', 'method'],
  ['delete b.test/x', 'method'],
] as const)('decide() with path rules: %s is %s', (line, expected) => {
  expect(word(PATHS.decide(request(line)))).toBe(expected)
})

test.each([
  ['x-original-url', 'header'],
  ['x-rewrite-url', 'header'],
  ['x_original_url', 'header'],
  ['x-http-method-override', 'header'],
  ['x-other', 'allow'],
])('decide() with path and method denials: the header %s is %s', (name, expected) => {
  expect(word(PATHS.decide(request('GET b.test/x', { headers: { [name]: '/secret' } })))).toBe(expected)
})

test('compilePolicy() adds a brokered credential to requests that the rest allows, and opens nothing for it', () => {
  const brokered = [{ host: 'allowed.test', credential: 'secret:TOKEN' }]
  const credentialFor = (policy: object, asked: string, extra: object = {}) => {
    const decision = compilePolicy({ policy: Policy.parse(policy), brokered, ...extra }).decide(request(asked))
    return decision.verdict === 'allow' ? decision.credential : decision.reason
  }
  expect(credentialFor({ allow: [{ host: 'allowed.test' }] }, 'GET allowed.test')).toBe('secret:TOKEN')
  expect(credentialFor({ allow: [{ host: 'allowed.test' }] }, 'POST allowed.test')).toBe('method')
  expect(credentialFor({ preset: 'all' }, 'GET allowed.test')).toBe('secret:TOKEN')
  expect(credentialFor({ preset: 'all' }, 'GET x.allowed.test')).toBeUndefined()
  expect(credentialFor({ preset: 'all' }, 'GET notallowed.test')).toBeUndefined()
  expect(credentialFor({ allow: [{ host: 'other.test' }] }, 'GET allowed.test')).toBe('host')
  expect(credentialFor({}, 'GET allowed.test')).toBe('off')
  expect(credentialFor({ preset: 'all', deny: [{ host: 'allowed.test' }] }, 'GET allowed.test')).toBe('host')
  const ceiling = Policy.parse({ allow: [{ host: 'other.test' }] })
  expect(credentialFor({ preset: 'all' }, 'GET allowed.test', { ceiling })).toBe('host')
  const own = { allow: [{ host: 'allowed.test', path: '/own', credential: 'mine' }, { host: 'allowed.test' }] }
  expect(credentialFor(own, 'GET allowed.test/own')).toBe('mine')
  expect(credentialFor(own, 'GET allowed.test/else')).toBe('secret:TOKEN')
})

test('compilePolicy() looks into connections to the host of a brokered credential, whatever a rule says', () => {
  const policy = Policy.parse({ allow: [{ host: '**.allowed.test', tls: 'passthrough' }] })
  const tlsAt = (brokered: { host: string; credential: string }[]) => {
    const decision = compilePolicy({ policy, brokered }).decide(connect('allowed.test'))
    return decision.verdict === 'allow' && decision.tls
  }
  expect(tlsAt([{ host: 'allowed.test', credential: 'secret:T' }])).toBe('inspect')
  expect(tlsAt([{ host: 'x.allowed.test', credential: 'secret:T' }])).toBe('passthrough')
})
