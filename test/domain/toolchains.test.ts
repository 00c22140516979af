import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { TOOLCHAINS, assertVersions } from '../../domain/environments/toolchains.ts'

test.each([
  [{}, 'my/image:1'],
  [{ node: '20' }, 'universal'],
  [{ node: '18.19.1', python: '3', java: '25', go: '1.24', ruby: '3.3', rust: '1.85' }, 'universal'],
])('assertVersions(%j) on %s passes', (versions, image) => {
  expect(() => assertVersions(versions, image)).not.toThrow()
})

test.each([
  [{ node: '20' }, 'my/image:1', 'an image of its own'],
  [{ python: '3.11' }, 'universal', 'the universal image has python 3.13 and no other'],
  [{ java: '17' }, 'universal', 'set-up can add 25'],
  [{ node: '8' }, 'universal', 'any major from 16'],
  [{ cobol: '1' }, 'universal', 'is none of node, python'],
] as [Record<string, string>, string, string][])('assertVersions(%j) on %s says %s', (versions, image, words) => {
  expect(() => assertVersions(versions, image)).toThrow(
    expect.objectContaining({ code: 'version-unavailable', message: expect.stringContaining(words) }),
  )
})

test('TOOLCHAINS names the Node that the image is built with', () => {
  const { optionalDependencies } = JSON.parse(readFileSync('images/node/package.json', 'utf8')) as {
    optionalDependencies: Record<string, string>
  }
  for (const version of Object.values(optionalDependencies)) expect(version.split('.')[0]).toBe(TOOLCHAINS.node.has)
})
