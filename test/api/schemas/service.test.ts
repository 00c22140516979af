import { expect, test } from 'vitest'
import { Services } from '../../../api/schemas/service.ts'

const FULL = {
  name: 'my-db',
  image: 'registry.test:5000/db@sha256:12',
  env: { A: 'x\ny' },
  command: ['-c', 'a=b'],
  port: 5432,
}
const many = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`A${i}`, 'x']))
const named = (...names: string[]) => names.map((name) => ({ name, image: 'redis' }))

test('Services takes up to three services with all that one can have', () => {
  expect(Services.parse([FULL, ...named('a', 'b9')])).toEqual([FULL, ...named('a', 'b9')])
  expect(Services.parse([])).toEqual([])
})

test.each([
  ['a fourth', named('a', 'b', 'c', 'd'), '<=3'],
  ['two of one name', named('a', 'a'), 'names of their own'],
  ...['', 'A', '1db', 'my_db', '-a', 'a.b', 'a b', 'a\n', 'a'.repeat(32)].map(
    (name) => [`the name ${JSON.stringify(name)}`, named(name), '1 to 31 lower-case letters'] as const,
  ),
  ...['localhost', 'sandbox', 'ip6-localhost'].map(
    (name) => [`the name ${name}`, named(name), 'a sandbox calls itself so'] as const,
  ),
  ['an image that is none', [{ name: 'a', image: '-v /:/host' }], 'reference of a container image'],
  [
    'an image that leads elsewhere at the engine',
    [{ name: 'a', image: 'a/../../info' }],
    'reference of a container image',
  ],
  ['a container engine', [{ name: 'a', image: 'docker:27-dind' }], 'Declare what it would start as services'],
  ['a variable with "="', [{ name: 'a', image: 'b', env: { 'A=B': 'x' } }], 'Invalid key in record'],
  ['a NUL in a variable', [{ name: 'a', image: 'b', env: { A: '\0' } }], 'NUL'],
  ['a variable without end', [{ name: 'a', image: 'b', env: { A: 'x'.repeat(16_385) } }], '16384'],
  ['too many variables', [{ name: 'a', image: 'b', env: many(51) }], 'at most 50 variables'],
  ['a command as one text', [{ name: 'a', image: 'b', command: 'redis-server' }], 'array'],
  ['a port that is none', [{ name: 'a', image: 'b', port: 65_536 }], '65535'],
] as const)('Services refuses %s', (_, services, words) => {
  expect(messageOf(services)).toContain(words)
})

test.each([
  ...['privileged', 'volumes', 'mounts', 'binds', 'devices', 'cap_add', 'capabilities', 'security_opt', 'user'],
  ...['ports', 'network', 'network_mode', 'pid', 'ipc', 'entrypoint', 'extra_hosts', 'sysctls', 'runtime', 'labels'],
])('Services has no way to say %s', (key) => {
  const asked = [{ name: 'a', image: 'b', [key]: ['/var/run/docker.sock:/var/run/docker.sock'] }]
  expect(messageOf(asked)).toContain(`has no ${key}: a service`)
})

const messageOf = (services: unknown) =>
  (Services.safeParse(services).error?.issues ?? []).map(({ message }) => message).join('; ')
