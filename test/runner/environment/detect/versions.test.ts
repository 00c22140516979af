import { expect, test } from 'vitest'
import { chooseVersions } from '../../../../runner/environment/detect/choose-versions.ts'
import { satisfies } from '../../../../runner/environment/detect/semver.ts'
import type { Language } from '../../../../domain/environments/toolchains.ts'

test.each([
  ['>=18', '24.1.0', true],
  ['>=18 <23', '24.1.0', false],
  ['>= 18', '24.1.0', true],
  ['^20.1 || ^22', '22.0.0', true],
  ['^20.1 || ^22', '21.0.0', false],
  ['~22.1', '22.1.9', true],
  ['~22.1', '22.2.0', false],
  ['18.x', '18.4.2', true],
  ['18 - 20', '20.9.9', true],
  ['18 - 20', '21.0.0', false],
  ['*', '1.2.3', true],
  ['>24', '24.99.0', false],
  ['<=24', '24.99.0', true],
  ['1.2.3', '1.2.3', true],
  ['1.2.3', '1.2.4', false],
  ['latest', '1.2.3', undefined],
  ['^0.2.1', '0.3.0', false],
])('satisfies(%j, %j) is %s', (range, version, result) => {
  expect(satisfies(range, version)).toBe(result)
})

test.each([
  ['node', '24', {}, 0],
  ['node', 'v24.1.0', { node: '24.1.0' }, 1],
  ['node', '20', { node: '20' }, 1],
  ['node', '20.11.1', { node: '20.11.1' }, 1],
  ['node', 'lts/*', {}, 0],
  ['node', 'lts/iron', { node: '20' }, 1],
  ['node', '>=18', {}, 0],
  ['node', '^20', { node: '20' }, 1],
  ['node', '^18 || ^20', { node: '20' }, 1],
  ['node', '8', {}, 1],
  ['node', 'nonsense', {}, 1],
  ['python', '3.13.1', {}, 0],
  ['python', '3.11', {}, 1],
  ['go', '1.24', {}, 0],
  ['java', '17', {}, 0],
  ['java', '1.8', {}, 0],
  ['java', 'temurin-21.0.2+13', {}, 0],
  ['java', '25', { java: '25' }, 1],
  ['java', '27', {}, 1],
  ['ruby', 'ruby-3.3.4', {}, 0],
  ['rust', 'stable', {}, 0],
  ['rust', '1.70', {}, 1],
] as [Language, string, Record<string, string>, number][])(
  'chooseVersions() for %s %s sets %j',
  (language, version, versions, reasons) => {
    const chosen = chooseVersions([{ language, version, from: 'file' }])
    expect(chosen.versions).toEqual(versions)
    expect(chosen.reasons).toHaveLength(reasons)
    for (const { why } of chosen.reasons) expect(why).toContain(version)
  },
)

test('chooseVersions() takes the first of two and says so of the second', () => {
  const chosen = chooseVersions([
    { language: 'node', version: '20', from: '.nvmrc' },
    { language: 'node', version: '22', from: 'web/.nvmrc' },
  ])
  expect(chosen.versions).toEqual({ node: '20' })
  expect(chosen.reasons.at(-1)).toMatchObject({ what: 'node 22 is not used', from: 'web/.nvmrc' })
})
