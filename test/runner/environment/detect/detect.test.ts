import { expect, test } from 'vitest'
import { detect } from '../../../../runner/environment/detect/detect.ts'
import { repositoryOf } from '../../../support/shapes/repository.ts'
import { COMPILED_SHAPES } from '../../../support/shapes/compiled.ts'
import { MIXED_SHAPES } from '../../../support/shapes/mixed.ts'
import { NODE_SHAPES } from '../../../support/shapes/node.ts'
import { PYTHON_SHAPES } from '../../../support/shapes/python.ts'
import { UNIGNORED_SHAPES } from '../../../support/shapes/unignored.ts'
import type { Shape } from '../../../support/shapes/shape.ts'

const SHAPES = [...NODE_SHAPES, ...PYTHON_SHAPES, ...COMPILED_SHAPES, ...MIXED_SHAPES, ...UNIGNORED_SHAPES]

/** What the setup script has before the lines that all of them end with. */
function ownLines(script: string | null): string[] {
  if (script === null) return []
  const lines = script.trimEnd().split('\n')
  expect(lines.slice(0, 2)).toEqual(['set -euo pipefail', 'cd /workspace'])
  return lines.slice(2).filter((line) => !/^(sha256sum|find) /.test(line))
}

test.each(SHAPES.map((shape) => [shape.name, shape] as [string, Shape]))('detect() on %s', (_, shape) => {
  const proposal = detect(repositoryOf(shape.files))
  expect(ownLines(proposal.setupScript)).toEqual(shape.setup)
  expect(proposal.verification).toEqual(shape.verification)
  expect(proposal.versions).toEqual(shape.versions ?? {})
  expect(proposal.image).toBe('universal')
  for (const reason of shape.reasons ?? []) expect(proposal.reasons).toContainEqual(expect.objectContaining(reason))
})

test.each(SHAPES.map((shape) => [shape.name, shape] as [string, Shape]))(
  'detect() gives a reason for every line of %s',
  (_, shape) => {
    const { setupScript, verification, reasons, starterTasks } = detect(repositoryOf(shape.files))
    const explained = (part: string) => reasons.filter((each) => each.part === part).map(({ what }) => what)
    expect(explained('setup')).toEqual(setupScript?.trimEnd().split('\n').slice(2) ?? [])
    expect(explained('verification')).toEqual(verification)
    expect(reasons.every(({ why }) => why.length > 10)).toBe(true)
    expect(starterTasks.length).toBeGreaterThan(1)
    for (const command of verification) expect(starterTasks.some(({ prompt }) => prompt.includes(command))).toBe(true)
  },
)

test('detect() installs again in maintenance only where a manifest has changed', () => {
  const { setupScript, maintenanceScript } = detect(repositoryOf(NODE_SHAPES[0]?.files ?? {}))
  expect(setupScript).toContain('sha256sum -- package.json package-lock.json > /opt/cache/manifests.sha256')
  expect(maintenanceScript).toContain('if sha256sum --status --check /opt/cache/manifests.sha256; then exit 0; fi')
  // Without a network, `npm ci` would take away what is there.
  expect(maintenanceScript).toContain('npm install --no-audit --no-fund')
  expect(maintenanceScript).not.toContain('npm ci')
})

test('detect() proposes nothing to run for an empty repository, and says so', () => {
  const { setupScript, maintenanceScript, verification, versions, reasons } = detect({ paths: [], texts: new Map() })
  expect({ setupScript, maintenanceScript, verification, versions }).toEqual({
    ...{ setupScript: null, maintenanceScript: null, verification: [], versions: {} },
  })
  expect(reasons).toContainEqual(expect.objectContaining({ what: 'no verification' }))
})

const node = (fields: object) => JSON.stringify({ name: 'a', ...fields })

test.each([
  ['jest without a script', { 'package.json': node({ devDependencies: { jest: '^29' } }) }, ['CI=true npx --no jest']],
  [
    'vitest without a script',
    { 'package.json': node({ devDependencies: { vitest: '3' } }) },
    ['CI=true npx --no vitest run'],
  ],
  // The first target of a Makefile may publish something.
  ['a Makefile alone', { Makefile: 'deploy:\n\t./deploy\ntest:\n\tsh t.sh\n', 't.sh': '' }, ['make test']],
  [
    'two projects of CMake',
    Object.fromEntries(
      ['a', 'b b'].flatMap((at) => [
        [`${at}/CMakeLists.txt`, ''],
        [`${at}/a.c`, ''],
      ]),
    ),
    [
      '(cd a && { cmake -S . -B /tmp/build-a && cmake --build /tmp/build-a --parallel 2; })',
      "(cd 'b b' && { cmake -S . -B /tmp/build-b-b && cmake --build /tmp/build-b-b --parallel 2; })",
    ],
  ],
] as [string, Record<string, string>, string[]][])('detect() verifies %s', (_, files, verification) => {
  expect(detect(repositoryOf(files)).verification).toEqual(verification)
})

test('detect() hides what is built in every module of a build, and nothing that is ignored', () => {
  const files = { 'pom.xml': '<modules>', 'core lib/pom.xml': '', 'examples/a/pom.xml': '' }
  expect(ownLines(detect(repositoryOf(files)).setupScript)).toContain(
    "mkdir -p target 'core lib/target' && echo '*' | tee target/.gitignore 'core lib/target/.gitignore' > /dev/null",
  )
  const { setupScript } = detect(repositoryOf({ ...files, '.gitignore': '**/target/\n' }))
  expect(setupScript).not.toContain('mkdir')
})

test('detect() says which of two version files is not used', () => {
  const { versions, reasons } = detect(
    repositoryOf({ 'package.json': node({}), '.nvmrc': 'lts/jod', '.tool-versions': 'nodejs 18.20.0\n' }),
  )
  expect(versions).toEqual({ node: '22' })
  expect(reasons).toContainEqual(expect.objectContaining({ what: 'node 18.20.0 is not used', from: '.tool-versions' }))
})

test('detect() shows what a devcontainer would run, as text', () => {
  const { setupScript, reasons } = detect(
    repositoryOf({
      '.devcontainer/devcontainer.json': '{"build": {"dockerfile": "Box"}, "postCreateCommand": ["curl", "evil"],}',
    }),
  )
  expect(setupScript).toBeNull()
  const why = reasons.filter(({ what }) => what.startsWith('devcontainer')).map((each) => each.why)
  expect(why).toEqual([
    'Box is not built: put its steps into the setup script',
    'its postCreateCommand is not run: ["curl","evil"]',
  ])
})
