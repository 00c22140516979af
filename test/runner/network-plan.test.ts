import { expect, test } from 'vitest'
import { credentialsOf, networkPlan, secretOf } from '../../runner/network-plan.ts'
import { Policy } from '../../sandbox-policy/policy.ts'

const FREE = { ceiling: undefined, deny: [] }

test('networkPlan() opens set-up to all public hosts and the agent to nothing by default', () => {
  const plan = networkPlan({ policy: {} }, FREE)
  expect(plan.setup?.policy).toMatchObject({ preset: 'all', methods: 'all' })
  expect(plan.agent).toBeUndefined()
})

test('networkPlan() keeps set-up off when the environment says so', () => {
  expect(networkPlan({ policy: { setup: { preset: 'none' } } }, FREE).setup).toBeUndefined()
})

test('networkPlan() puts the workspace over every policy, the default of set-up included', () => {
  const workspace = { ceiling: Policy.parse({ preset: 'common' }), deny: [{ host: 'bad.test' }] }
  const plan = networkPlan({ policy: { agent: { preset: 'all' } } }, workspace)
  for (const effective of [plan.setup, plan.agent]) {
    expect(effective).toMatchObject({ ceiling: { preset: 'common' }, deny: [{ host: 'bad.test' }] })
  }
})

test('credentialsOf() names each credential once', () => {
  const allow = [{ host: 'a.test', credential: 'npm' }, { host: 'b.test', credential: 'npm' }, { host: 'c.test' }]
  expect(credentialsOf({ policy: Policy.parse({ allow }) })).toEqual(['npm'])
  expect(credentialsOf(undefined)).toEqual([])
})

test('networkPlan() adds brokered secrets to what is open, and opens nothing for them', () => {
  const plan = networkPlan({ policy: {}, brokered: [{ name: 'NPM', host: 'npm.test' }] }, FREE)
  expect(plan.setup?.brokered).toEqual([{ host: 'npm.test', credential: 'secret:NPM' }])
  expect(plan.agent).toBeUndefined()
  expect(credentialsOf(plan.setup)).toEqual(['secret:NPM'])
  expect(credentialsOf(plan.setup).map(secretOf)).toEqual(['NPM'])
  expect(secretOf('npm')).toBeUndefined()
  // No rule can name one.
  expect(Policy.safeParse({ allow: [{ host: 'a.test', credential: 'secret:NPM' }] }).success).toBe(false)
})
