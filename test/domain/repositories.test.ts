import { expect, test } from 'vitest'
import { nameRepositories } from '../../domain/environments/repositories.ts'
import { repositoryName } from '../../domain/repositories/repositories.ts'
import type { RepositoryAddress } from '../../domain/repositories/repositories.ts'

const git = (address: string): RepositoryAddress => ({ forge: 'git', address })
const SHOP = git('/srv/shop.git')

test.each([
  ['/srv/shop.git', 'shop'],
  ['/srv/shop/', 'shop'],
  ['https://git.example.com/team/web.git', 'web'],
  ['git@git.example.com:docs.git', 'docs'],
  ['acme/api', 'api'],
  ['/srv/my shop', 'my-shop'],
])('repositoryName() of %s is %s', (address, name) => {
  expect(repositoryName(address)).toBe(name)
})

test('nameRepositories() takes the given name, else the last part of the address', () => {
  const others = [{ ...git('/srv/web.git') }, { ...git('/srv/x.git'), name: 'docs' }]
  expect(nameRepositories(SHOP, others)).toEqual([
    { forge: 'git', address: '/srv/web.git', name: 'web' },
    { forge: 'git', address: '/srv/x.git', name: 'docs' },
  ])
})

test('nameRepositories() asks nothing of an only repository', () => {
  expect(nameRepositories(git('/srv/.odd'), [])).toEqual([])
})

test.each(['.git', '..', '', 'a/b', '-x', '_x', 'a b', 'ä', 'a\n', 'a'.repeat(65), 'git~1:', '$(id)'])(
  'nameRepositories() refuses the folder %j',
  (name) => {
    expect(() => nameRepositories(SHOP, [{ ...git('/srv/web'), name }])).toThrow(/cannot be the name of a folder/)
  },
)

test.each(['a', 'a'.repeat(64), '9.x_y-z', 'web.git'])('nameRepositories() takes the folder %j', (name) => {
  expect(nameRepositories(SHOP, [{ ...git('/srv/web'), name }])).toMatchObject([{ name }])
})

test.each<[string, RepositoryAddress, (RepositoryAddress & { name?: string })[], RegExp]>([
  ['a name of the first', SHOP, [git('/other/shop')], /two of them would lie in the folder "shop"/],
  ['a name in other letters', SHOP, [{ ...git('/srv/web'), name: 'SHOP' }], /two of them/],
  ['a name twice', SHOP, [git('/a/web'), git('/b/web')], /two of them/],
  ['an address twice', SHOP, [{ ...SHOP, name: 'again' }], /is there twice/],
  ['a first that has no name', git('/srv/.odd'), [git('/srv/web')], /cannot be the name/],
  ['more than eight', SHOP, Array.from({ length: 8 }, (_, i) => git(`/srv/r${i}`)), /8 of them at most/],
])('nameRepositories() refuses %s', (_, first, others, message) => {
  expect(() => nameRepositories(first, others)).toThrow(message)
})

test('nameRepositories() takes eight', () => {
  const others = Array.from({ length: 7 }, (_, i) => git(`/srv/r${i}`))
  expect(nameRepositories(SHOP, others)).toHaveLength(7)
})
