import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { limitedGit } from '../../forge/git.ts'
import type { RunGit } from '../../forge/git.ts'
import { createMirrors } from '../../forge/mirror.ts'
import { makeOrigin, temporaryFolder } from '../support/git-fixture.ts'

vi.setConfig({ testTimeout: 60_000 })
const { signal } = new AbortController()
const path = process.env.PATH ?? ''

test('open() whose fetch breaks off leaves alone what others do in the store', async () => {
  using folder = temporaryFolder()
  const origin = makeOrigin(folder.path)
  const real = limitedGit(path)
  let isBroken = false
  const git: RunGit = async (args, options) => {
    if (args[0] !== 'fetch' || !isBroken) return real(args, options)
    writeFileSync(join(options.gitDir ?? '', 'objects', 'pack', 'tmp_pack_x'), 'half')
    throw new Error('broke off')
  }
  const mirrors = createMirrors({
    ...{ folder: join(folder.path, 'mirrors'), repositoryRoots: [folder.path], allowedHosts: [], path, git },
  })
  const remote = { forge: 'git', address: origin.bare } as const
  await using view = await mirrors.open(remote, signal)
  const others = ['quarantine-x/objects/pack/received.pack', 'objects/tmp_obj_x', 'refs/heads/x.lock']
  for (const name of others) {
    mkdirSync(dirname(join(view.store, name)), { recursive: true })
    writeFileSync(join(view.store, name), 'at work')
  }

  origin.commit({ 'a.txt': 'a' }, 'Next')
  isBroken = true
  await expect(mirrors.open(remote, signal)).rejects.toThrow('broke off')

  for (const name of others) expect(readFileSync(join(view.store, name), 'utf8')).toBe('at work')
  expect(readdirSync(join(view.objects, 'pack'))).not.toContain('tmp_pack_x')
})
