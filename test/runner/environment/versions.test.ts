import { expect, test } from 'vitest'
import { withVersions } from '../../../runner/environment/versions.ts'

test('withVersions() leaves a script alone where nothing is asked for', () => {
  expect(withVersions('npm ci', {})).toBe('npm ci')
  expect(withVersions(null, {})).toBeNull()
  expect(withVersions(null, { python: '3.13' })).toBeNull()
})

test('withVersions() installs a Node before the script, or without one', () => {
  for (const script of [null, 'npm ci']) {
    const made = withVersions(script, { node: '20.1.0' }) ?? ''
    expect(made).toContain('v=20.1.0\n')
    expect(made).toContain('--ignore-scripts')
    expect(made.endsWith(script ?? '')).toBe(true)
  }
})

test('withVersions() takes nothing that is no version', () => {
  expect(withVersions('true', { node: '20; touch /x', java: '$(id)' })).toBe('true')
})
