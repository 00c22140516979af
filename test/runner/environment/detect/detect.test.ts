import { expect, test } from 'vitest'
import { detect } from '../../../../runner/environment/detect/detect.ts'
import { repositoryOf } from '../../../support/shapes/repository.ts'
import { COMPILED_SHAPES } from '../../../support/shapes/compiled.ts'
import { MIXED_SHAPES } from '../../../support/shapes/mixed.ts'
import { NODE_SHAPES } from '../../../support/shapes/node.ts'
import { PYTHON_SHAPES } from '../../../support/shapes/python.ts'
import type { Shape } from '../../../support/shapes/shape.ts'

const SHAPES = [...NODE_SHAPES, ...PYTHON_SHAPES, ...COMPILED_SHAPES, ...MIXED_SHAPES]

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
