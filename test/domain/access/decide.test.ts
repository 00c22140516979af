import { describe, expect, test } from 'vitest'
import { decide, decideRight, tasksSeen } from '../../../domain/access/decide.ts'
import type { Facts, Need } from '../../../domain/access/decide.ts'
import { PERMISSIONS, permissionsOf } from '../../../domain/access/permissions.ts'
import type { BuiltInRole } from '../../../domain/access/permissions.ts'
import { SCOPES, foldEmail } from '../../../domain/access/principal.ts'
import type { Principal, Scope } from '../../../domain/access/principal.ts'

const as = (role: BuiltInRole, given: readonly string[] = [], scopes: readonly Scope[] = SCOPES): Principal => ({
  ...{ userId: 'me', name: 'Me', email: 'me@example.test', role, scopes, tokenId: 't', groupIds: [] },
  permissions: new Set(permissionsOf(role, given)),
})

test.each<[BuiltInRole, readonly string[]]>([
  ['owner', PERMISSIONS],
  ['admin', PERMISSIONS],
  ['member', ['cloud.use', 'local.use']],
  ['viewer', []],
])('permissionsOf() of %s', (role, expected) => {
  expect(permissionsOf(role)).toEqual(expected)
})

test('permissionsOf() is the union with what roles give, without what there is not', () => {
  const given = ['audit.read', 'cloud.use', 'gone.since']
  expect(permissionsOf('member', given)).toEqual(['cloud.use', 'local.use', 'audit.read'])
  expect(permissionsOf('viewer', given)).toEqual(['cloud.use', 'audit.read'])
})

test.each<[string, Principal, Need, string]>([
  ['a permission that is missing', as('member'), { scope: 'read', permission: 'settings.manage' }, 'forbidden'],
  ['a scope that is missing', as('admin', [], ['read']), { scope: 'write', permission: 'cloud.use' }, 'forbidden'],
  ['both', as('viewer', [], ['read']), { scope: 'write', permission: 'cloud.use' }, 'forbidden'],
  ['what a role gives', as('viewer', ['settings.manage']), { scope: 'read', permission: 'settings.manage' }, 'allowed'],
  ['no permission that is needed', as('viewer'), { scope: 'read' }, 'allowed'],
])('decideRight() on %s', (_, principal, need, expected) => {
  expect(decideRight(principal, need)).toBe(expected)
})

describe('decide() on a task', () => {
  const member = as('member')
  const own: Facts = { relation: 'user', creatorId: 'me' }
  const others: Facts = { relation: 'user', creatorId: 'other' }
  const shared: Facts = { ...others, audience: 'environment' }
  test.each<[string, Principal, 'see' | 'change' | 'continue', Facts | undefined, string]>([
    ['own', member, 'continue', own, 'allowed'],
    ['own, of an environment that is lost', member, 'see', { ...own, relation: null }, 'allowed'],
    ['own, of an environment that is lost', member, 'change', { ...own, relation: null }, 'allowed'],
    ['own, of an environment that is lost', member, 'continue', { ...own, relation: null }, 'forbidden'],
    ["another's", member, 'see', others, 'hidden'],
    ["another's, seen by all of the environment", member, 'continue', shared, 'allowed'],
    ["another's, of a foreign environment", member, 'see', { ...shared, relation: null }, 'hidden'],
    ["another's", as('admin'), 'continue', { ...others, relation: null }, 'allowed'],
    ['none', as('admin'), 'see', undefined, 'hidden'],
  ])('%s', (_, principal, to, facts, expected) => {
    expect(decide(principal, { scope: 'read', object: { of: 'task', to } }, facts)).toBe(expected)
  })
})

describe('decide() on an environment', () => {
  const manager = as('viewer', ['environments.manage'])
  test.each<[string, Principal, Facts['relation'], string[]]>([
    ['its owner', manager, 'owner', ['allowed', 'allowed', 'allowed']],
    ['its owner without the right', as('member'), 'owner', ['allowed', 'forbidden', 'forbidden']],
    ['a collaborator', as('member'), 'collaborator', ['allowed', 'allowed', 'forbidden']],
    ['a collaborator who only looks', as('viewer'), 'collaborator', ['allowed', 'forbidden', 'forbidden']],
    ['who may use it', manager, 'user', ['allowed', 'forbidden', 'forbidden']],
    ['a stranger', manager, null, ['hidden', 'hidden', 'hidden']],
    ['an administrator', as('admin'), null, ['allowed', 'allowed', 'allowed']],
  ])('%s', (_, principal, relation, expected) => {
    const verdicts = (['see', 'edit', 'own'] as const).map((to) =>
      decide(principal, { scope: 'admin', object: { of: 'environment', to } }, { relation }),
    )
    expect(verdicts).toEqual(expected)
  })
})

test('tasksSeen() narrows to the own ones by the setting, for everybody but administrators', () => {
  expect([tasksSeen(as('member'), 'creator'), tasksSeen(as('member'), 'environment')]).toEqual(['own', 'usable'])
  expect([tasksSeen(as('admin'), 'creator'), tasksSeen(as('admin'), 'environment')]).toEqual(['all', 'all'])
})

test('foldEmail() folds ASCII letters alone', () => {
  expect(foldEmail(' Mark@Example.TEST ')).toBe('mark@example.test')
  // The Kelvin sign is another letter, and another person.
  expect(foldEmail('mar\u212a@example.test')).toBe('mar\u212a@example.test')
})
