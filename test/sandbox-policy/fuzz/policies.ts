import fc from 'fast-check'
import { Policy } from '../../../sandbox-policy/policy.ts'
import type { Question } from '../../../sandbox-policy/decide.ts'
import type { EffectivePolicy } from '../../../sandbox-policy/control.ts'

/** Few enough that rules and questions meet. */
export const HOSTS = [
  'a.test',
  'b.a.test',
  'c.b.a.test',
  'xa.test',
  'b.test',
  'deb.debian.org',
  'debian.org',
  'github.com',
]
const PATTERNS = [...HOSTS, ...HOSTS.flatMap((name) => [`*.${name}`, `**.${name}`])]
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']
const PATHS = ['/', '/pub/', '/pub', '/pub/a', '/o/r.git/git-upload-pack', '/o/r.git/info/refs', '/secret']
const PORTS = [80, 443, 8443, 5432]

const optional = { requiredKeys: ['host'] as const }
const matching = {
  host: fc.constantFrom(...PATTERNS),
  methods: fc.subarray(METHODS, { minLength: 1 }),
  path: fc.constantFrom(...PATHS),
  port: fc.constantFrom(...PORTS),
}

export const denyRules = fc.record(matching, { requiredKeys: [...optional.requiredKeys] })

export const allowRules = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record(
      { ...matching, internal: fc.boolean(), credential: fc.constant('token') },
      { requiredKeys: ['host'] },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.record({ host: matching.host, tls: fc.constant('passthrough' as const), internal: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      host: fc.constantFrom(...HOSTS),
      protocol: fc.constant('tcp' as const),
      port: fc.constantFrom(5432, 8443),
      internal: fc.boolean(),
    }),
  },
)

/** Valid policies that overlap a lot. */
export const policies: fc.Arbitrary<Policy> = fc
  .record({
    preset: fc.constantFrom('none' as const, 'none' as const, 'common' as const, 'all' as const),
    methods: fc.constantFrom('all' as const, 'safe' as const),
    gitRead: fc.boolean(),
    allow: fc.uniqueArray(allowRules, { maxLength: 5, selector: tcpPort }),
    deny: fc.array(denyRules, { maxLength: 2 }),
  })
  .map((policy) => Policy.parse(policy))

export const effectivePolicies: fc.Arbitrary<EffectivePolicy> = fc
  .record(
    { policy: policies, ceiling: policies, deny: fc.array(denyRules, { maxLength: 2 }) },
    { requiredKeys: ['policy'] },
  )
  .map(({ policy, ceiling, deny }) => ({ policy, ...(ceiling && { ceiling }), ...(deny && { deny }) }))

const HEADERS = [
  {},
  { 'content-type': 'application/x-git-upload-pack-request' },
  { 'x-http-method-override': 'DELETE' },
  { x_method_override: 'PUT' },
  { 'x-original-url': '/secret' },
]

export const requests: fc.Arbitrary<Extract<Question, { kind: 'request' }>> = fc.record({
  kind: fc.constant('request' as const),
  name: fc.constantFrom(...HOSTS),
  port: fc.constantFrom(...PORTS),
  method: fc.constantFrom(...METHODS, 'post', 'TRACE', 'CONNECT'),
  path: fc.constantFrom(
    ...PATHS,
    '/pub/../secret',
    '/pub//a',
    '/%73ecret',
    '/secret/x',
    '*',
    '/o/r.git/git-receive-pack',
  ),
  query: fc.constantFrom('', 'service=git-upload-pack', 'service=git-receive-pack', 'a=b'),
  hasBody: fc.boolean(),
  upgrade: fc.boolean(),
  headers: fc.constantFrom(...HEADERS).map((headers) => new Map(Object.entries(headers))),
})

export const questions: fc.Arbitrary<Question> = fc.oneof(
  { weight: 4, arbitrary: requests },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('connect' as const),
      name: fc.constantFrom(...HOSTS),
      port: fc.constantFrom(...PORTS),
      protocol: fc.constantFrom('http' as const, 'tcp' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('name' as const), name: fc.constantFrom(...HOSTS) }) },
)

/** Two tcp rules on one port are no policy; other rules may repeat. */
function tcpPort(rule: { host: string; protocol?: string; port?: number }): unknown {
  return rule.protocol === 'tcp' ? rule.port : rule
}
