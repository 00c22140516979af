import { Policy } from '../../../sandbox-policy/policy.ts'

type Input = Parameters<typeof Policy.parse>[0]

// Upstream servers stand on this machine, so rules that lead to them say `internal`.
const hosts = (...names: string[]) => names.map((host) => ({ host, internal: true }))

const INPUTS = {
  /** Reading from one name, and from everything of another. */
  RO: { methods: 'safe', allow: hosts('allowed.test', '**.cdn.test') },
  /** The same, for any method. */
  RW: { methods: 'all', allow: hosts('allowed.test', '**.cdn.test') },
  /** What is below a name, and not the name. */
  WILD: { methods: 'safe', allow: hosts('*.allowed.test') },
  ALL: { preset: 'all', methods: 'all' },
  ALLRO: { preset: 'all', methods: 'safe', allow: hosts('attacker.test') },
  GIT: { methods: 'safe', gitRead: true, allow: hosts('allowed.test') },
  /** As RO, and nothing that is not public. */
  PUBLIC: { methods: 'safe', allow: [{ host: 'allowed.test' }, { host: '**.cdn.test' }] },
  /** One name for HTTP, one port of another for anything, one name that nobody looks into. */
  TUNNELS: {
    methods: 'all',
    allow: [
      ...hosts('allowed.test'),
      { host: 'ssh.test', port: 22, protocol: 'tcp', internal: true },
      { host: 'raw.test', port: 2222, protocol: 'tcp', internal: true },
      { host: 'sealed.test', tls: 'passthrough', internal: true },
    ],
  },
  /** Two credential rules, one of which leads to a server with a bad certificate. */
  KEYS: {
    methods: 'all',
    allow: [
      { host: 'model.test', path: '/v1/', credential: 'key', internal: true },
      { host: 'model.test', path: '/echo', methods: ['GET'], credential: 'key', internal: true },
      { host: 'model.test', path: '/echo-header', methods: ['GET'], credential: 'key', internal: true },
      { host: 'other-name.model.test', credential: 'key', internal: true },
      ...hosts('evil.test'),
    ],
  },
  OFF: { preset: 'none' },
} as const satisfies Record<string, Input>

export type PolicyName = keyof typeof INPUTS

export const policyOf = (name: PolicyName): Policy => Policy.parse(INPUTS[name])

/** Names with servers, in place of DNS. What is wrong with a server is in its name. */
export const SERVED = [
  ...['allowed.test', 'a.allowed.test', 'cdn.test', 'x.cdn.test', 'y.cdn.test', 'evil.test', 'attacker.test'],
  ...['model.test', 'other-name.model.test', 'other-name.cdn.test', 'self-signed.cdn.test', 'expired.cdn.test'],
  ...['ssh.test', 'raw.test', 'sealed.test', 'denied.test'],
]
export const DEMANDING = 'demanding.cdn.test'
