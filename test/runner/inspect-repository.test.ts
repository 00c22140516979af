import { join } from 'node:path'
import { symlinkSync } from 'node:fs'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Inspected } from '../../domain/environments/inspections.ts'
import { limitedGit } from '../../forge/git.ts'
import { createMirrors } from '../../forge/mirror.ts'
import { inspectRepository } from '../../runner/inspect-repository.ts'
import { makeOrigin, temporaryFolder } from '../support/git-fixture.ts'
import type { Folder, Origin } from '../support/git-fixture.ts'

vi.setConfig({ testTimeout: 60_000 })

let folder: Folder
let origin: Origin
const signal = AbortSignal.timeout(60_000)
const path = process.env.PATH ?? ''

beforeEach(() => {
  folder = temporaryFolder()
  origin = makeOrigin(folder.path)
})
afterEach(() => folder[Symbol.dispose]())

async function look(): Promise<Inspected> {
  const mirrors = createMirrors({
    folder: join(folder.path, 'mirrors'),
    repositoryRoots: [folder.path],
    allowedHosts: [],
    path,
  })
  await using view = await mirrors.open({ forge: 'git', address: origin.bare }, signal)
  return inspectRepository(view, limitedGit(path), signal)
}

test('inspectRepository() proposes from the default branch, without a checkout', async () => {
  const declared = 'version: 1\n# Grüße\n'
  const commit = origin.commit({
    'Cargo.toml': '[package]\nname = "a"\nversion = "1.0.0"\n',
    '.drydock/environment.yml': declared,
  })
  const found = await look()
  expect(found).toMatchObject({ commit, branch: 'main', declared })
  expect(found.proposal.verification.join()).toContain('cargo test')
})

test('inspectRepository() of a repository without any manifest proposes nothing, and declares nothing', async () => {
  const { proposal, declared } = await look()
  expect([proposal.setupScript, proposal.verification, declared]).toEqual([null, [], null])
})

test('inspectRepository() follows no link and reads nothing that is large or no text', async () => {
  symlinkSync('/etc/passwd', join(origin.work, 'package.json'))
  origin.commit({ 'go.mod': `module a\n// ${'x'.repeat(300 * 1024)}\n`, 'Cargo.toml': '[package]\n\0' })
  const { proposal } = await look()
  expect(proposal.setupScript).toBeNull()
  expect(JSON.stringify(proposal)).not.toContain('root:')
})

test('inspectRepository() refuses a declaration that is too large', async () => {
  origin.commit({ '.drydock/environment.yml': 'x'.repeat(256 * 1024 + 1) })
  await expect(look()).rejects.toMatchObject({
    code: 'repository-refused',
    message: expect.stringContaining('larger than 256 KiB'),
  })
})

test('inspectRepository() stops with its signal', async () => {
  const stopped = AbortSignal.abort(new Error('stopped'))
  const mirrors = createMirrors({
    folder: join(folder.path, 'm'),
    repositoryRoots: [folder.path],
    allowedHosts: [],
    path,
  })
  await using view = await mirrors.open({ forge: 'git', address: origin.bare }, signal)
  await expect(inspectRepository(view, limitedGit(path), stopped)).rejects.toThrow('stopped')
})
