import { expect, test } from 'vitest'
import { parsePolicies } from '../../api/policies.ts'

const member = { isAdmin: false }
const admin = { isAdmin: true }

test('parsePolicies() takes one policy as the agent’s and nothing as off', () => {
  expect(parsePolicies(null, member)).toEqual({})
  expect(parsePolicies({ preset: 'common' }, member)).toMatchObject({ agent: { preset: 'common', methods: 'safe' } })
  expect(parsePolicies({ setup: { preset: 'all' } }, member)).toMatchObject({ setup: { preset: 'all' } })
})

test.each([
  [{ host: 'a.test', internal: true }, '"internal"'],
  [{ host: 'a.test', credential: 'npm' }, '"credential"'],
  [{ host: 'a.test', tls: 'passthrough' }, '"tls": "passthrough"'],
])('parsePolicies() leaves %j to administrators, in both phases', (rule, said) => {
  for (const policy of [{ allow: [rule] }, { setup: { allow: [rule] } }]) {
    expect(() => parsePolicies(policy, member)).toThrow(`only an administrator may set ${said}`)
    expect(() => parsePolicies(policy, admin)).not.toThrow()
  }
})

test('parsePolicies() lets members say that a rule is not internal', () => {
  expect(() => parsePolicies({ allow: [{ host: 'a.test', internal: false, tls: 'inspect' }] }, member)).not.toThrow()
})
