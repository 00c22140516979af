import { isIP } from 'node:net'
import { compilePolicy } from '../../sandbox-policy/compile.ts'
import type { Question } from '../../sandbox-policy/decide.ts'
import { parsePolicy } from '../../sandbox-policy/policy.ts'
import { inetAton, makeName, plainReading } from './names.ts'
import type { Random } from './random.ts'
import { must, mustEqual, target } from './target.ts'

const HOSTS = [
  'a.test',
  '*.cdn.test',
  '**.cdn.test',
  'b.test',
  'A.test',
  '*',
  '**',
  '*.com',
  '*.co.uk',
  '*.github.io',
  'a*.test',
  '*.*.test',
  '127.0.0.1',
  '[::1]',
  'http://a.test',
  'a.test:443',
]
const METHODS = ['GET', 'POST', 'HEAD', 'get', 'CONNECT', 'TRACE', '*', '', 'G ET', 'PROPFIND']
const PATHS = [
  '/',
  '/pub/',
  '/pub',
  'pub',
  '/a/../b',
  '/a//b',
  '/%2e',
  '/%61',
  '/a?b',
  '/a;b',
  '/%C3%A9',
  '/é',
  '/a b',
  '/\\',
]
const JUNK = [null, 0, 1, -1, 1.5, 70000, '', 'x', true, [], {}, [[]], '__proto__']
const FIELDS = [
  'host',
  'methods',
  'path',
  'port',
  'protocol',
  'internal',
  'tls',
  'credential',
  'constructor',
  '__proto__',
  'extra',
]

function makeRule(random: Random): unknown {
  if (random.oneIn(40)) return random.pick(JUNK)
  const rule: Record<string, unknown> = {
    host: random.oneIn(3) ? makeName(random) : random.mostly(HOSTS.slice(0, 5), HOSTS),
  }
  const maybe = (key: string, make: () => unknown) => {
    if (random.oneIn(4))
      Object.defineProperty(rule, key, { value: make(), enumerable: true, configurable: true, writable: true })
  }
  maybe('methods', () => random.list(3, () => random.mostly(METHODS.slice(0, 3), METHODS)))
  maybe('path', () => random.mostly(PATHS.slice(0, 3), PATHS))
  maybe('port', () => random.pick([80, 443, 8443, 5432, 0, 65535, 65536, 53, '443']))
  if (random.oneIn(6)) {
    maybe('protocol', () => random.pick(['tcp', 'http', 'udp']))
    maybe('internal', () => random.pick([true, false, 'true']))
    maybe('tls', () => random.pick(['inspect', 'passthrough', 'none']))
    maybe('credential', () => random.pick(['token', '', '../x', 'a'.repeat(70)]))
  }
  if (random.oneIn(12)) maybe(random.pick(FIELDS), () => random.pick(JUNK))
  return rule
}

function makePolicy(random: Random): unknown {
  if (random.oneIn(60)) return random.pick(JUNK)
  const rules = () =>
    random.oneIn(60) ? random.pick(JUNK) : random.list(random.oneIn(200) ? 60 : 3, () => makeRule(random))
  return {
    ...(random.oneIn(3) && { preset: random.mostly(['none', 'common', 'all'], ['ALL', '', null]) }),
    ...(random.oneIn(3) && { methods: random.mostly(['all', 'safe'], ['GET', [], null]) }),
    ...(random.oneIn(3) && { gitRead: random.mostly<unknown>([true, false], ['yes']) }),
    ...(!random.oneIn(5) && { allow: rules() }),
    ...(random.oneIn(2) && { deny: rules() }),
    ...(random.oneIn(30) && { [random.pick(FIELDS)]: random.pick(JUNK) }),
  }
}

const request = (name: string, path: string): Question => {
  const plain = {
    port: 443,
    method: 'GET',
    query: '',
    hasBody: false,
    upgrade: false,
    headers: new Map<string, string>(),
  }
  return { kind: 'request', name, path, ...plain }
}

export const policies = target<unknown>({
  name: 'policies',
  weight: 3,
  leastAccepted: 0.25,
  make: makePolicy,
  check(input, random) {
    const parsed = parsePolicy(input)
    if (!parsed.ok) {
      must(parsed.faults.length > 0 && parsed.faults.every((fault) => fault !== ''), 'a refusal without a word')
      return 'refused'
    }
    const { policy } = parsed
    mustEqual(parsePolicy(JSON.parse(JSON.stringify(policy))), parsed, 'what was saved, read back')
    for (const { host } of [...policy.allow, ...policy.deny]) {
      const name = host.replace(/^\*\*?\./, '')
      must(
        plainReading(name) !== undefined &&
          isIP(name) === 0 &&
          inetAton(name.toLowerCase().replace(/\.$/, '')) === undefined,
        `the host ${host}`,
      )
    }
    const compiled = compilePolicy({ policy })
    const names = ['a.test', 'x.cdn.test', 'cdn.test', ...policy.deny.map(({ host }) => host), makeName(random)]
    for (const name of names) {
      const decisions = [
        compiled.decide({ kind: 'name', name }),
        compiled.decide(request(name, '/')),
        compiled.decide(request(name, random.pick(PATHS))),
      ]
      const allowed = decisions.some(({ verdict }) => verdict === 'allow')
      must(!allowed || isCanonical(name), `${name} is allowed`)
      const isDenied = policy.deny.some((rule) => covers(rule.host, name) && Object.keys(rule).length === 1)
      must(!allowed || !isDenied, `${name} is allowed and denied`)
      const isAsked = policy.preset !== 'none' || policy.allow.some((rule) => covers(rule.host, name))
      must(!allowed || isAsked, `${name} is allowed by no rule`)
    }
    return 'accepted'
  },
})

const isCanonical = (name: string) => plainReading(name) === name && inetAton(name) === undefined

function covers(pattern: string, name: string): boolean {
  const [, stars = '', host = ''] = /^(\**)\.?(.*)$/.exec(pattern) ?? []
  const canonical = plainReading(host) ?? ''
  return (stars !== '*' && name === canonical) || (stars !== '' && name.endsWith(`.${canonical}`))
}
