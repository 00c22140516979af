import { expect, test } from 'vitest'
import { readClaims } from '../../../api/sign-in/claims.ts'

const said = {
  sub: 's',
  groups: ['a', 7, 'b'],
  one: 'a',
  realm_access: { roles: ['a'], deep: { er: 'b' }, list: [{ name: 'a' }] },
  'https://x.test/groups': ['c'],
  'https://x': { 'test/groups': ['evil'] },
  'realm_access.whole': ['d'],
}

test.each<[string | null, string[]]>([
  [null, []],
  ['groups', ['a', 'b']],
  ['one', ['a']],
  ['none', []],
  ['realm_access.roles', ['a']],
  ['realm_access.deep.er', ['b']],
  ['realm_access.whole', ['d']],
  // A name with dots is a name first.
  ['https://x.test/groups', ['c']],
  ['realm_access', []],
  ['realm_access.none.roles', []],
  ['realm_access.list.0.name', []],
  ['groups.0', []],
  ['one.length', []],
  ['realm_access.', []],
  ['', []],
  ['__proto__.x', []],
  ['constructor.name', []],
  ['realm_access.constructor.name', []],
])('readClaims() finds by %j the groups %j', (claim, groups) => {
  expect(readClaims(said, claim).groups).toEqual(groups)
})
