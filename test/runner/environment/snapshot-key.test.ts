import { expect, test } from 'vitest'
import { keyParts, snapshotKey } from '../../../runner/environment/snapshot-key.ts'
import type { KeyInput } from '../../../runner/environment/snapshot-key.ts'

const BASE: KeyInput = {
  image: 'sha256:1',
  script: 'npm ci',
  variables: { A: '1', B: '2' },
  secrets: [
    { name: 'NPM_TOKEN', version: 1 },
    { name: 'PIP_TOKEN', version: 4 },
  ],
  repositories: ['/srv/a', '/srv/b'],
  versions: { node: '22', python: '3.12' },
  services: [{ name: 'db', image: 'postgres:17', env: { A: '1' } }],
  epoch: 0,
}
const keyOf = (change: Partial<KeyInput>) => snapshotKey(keyParts({ ...BASE, ...change }))

test.each<[string, keyof KeyInput, Partial<KeyInput>]>([
  ['image', 'image', { image: 'sha256:2' }],
  ['script', 'script', { script: 'npm ci ' }],
  ['value of a variable', 'variables', { variables: { A: '1', B: '3' } }],
  ['name of a variable', 'variables', { variables: { A: '1', C: '2' } }],
  ['what joins two variables', 'variables', { variables: { A: '1,B=2' } }],
  ['version of a secret', 'secrets', { secrets: [{ name: 'NPM_TOKEN', version: 2 }, ...BASE.secrets.slice(1)] }],
  ['number of secrets', 'secrets', { secrets: BASE.secrets.slice(1) }],
  ['repositories', 'repositories', { repositories: ['/srv/a'] }],
  ['order of repositories', 'repositories', { repositories: ['/srv/b', '/srv/a'] }],
  ['language version', 'versions', { versions: { node: '20', python: '3.12' } }],
  ['variable of a service', 'services', { services: [{ name: 'db', image: 'postgres:17', env: { A: '2' } }] }],
  ['reset', 'epoch', { epoch: 1 }],
])('snapshotKey() is another for another %s, and only the part "%s" differs', (_, part, change) => {
  expect(keyOf(change)).not.toBe(keyOf({}))
  const [before, after] = [keyParts(BASE), keyParts({ ...BASE, ...change })]
  const differing = Object.keys(before).filter(
    (name) => before[name as keyof KeyInput] !== after[name as keyof KeyInput],
  )
  expect(differing).toEqual([part])
})

test('snapshotKey() does not depend on the order in which names are given', () => {
  const turned: Partial<KeyInput> = {
    variables: { B: '2', A: '1' },
    versions: { python: '3.12', node: '22' },
    secrets: [...BASE.secrets].reverse(),
  }
  expect(keyOf(turned)).toBe(keyOf({}))
})

test('keyParts() holds no value in the clear', () => {
  expect(JSON.stringify(keyParts({ ...BASE, variables: { TOKEN: 'hunter2hunter2' } }))).not.toContain('hunter2')
})
