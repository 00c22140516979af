import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { holdsSecret, secretsInPatch } from '../../../runner/secrets/find-in-patch.ts'
import { temporaryFolder } from '../../support/git-fixture.ts'

const TOKEN = 'npm_Zq4Xw9Lm2Yt7/+b'
const PEM = '-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEF\nAASCBKcwggSjAgEAAoIBAQC7\n-----END KEY-----\n'
const SECRETS = [
  { name: 'NPM_TOKEN', value: TOKEN },
  { name: 'DEPLOY_KEY', value: PEM },
  { name: 'REGISTRY', value: 'Bearer brokered-7d1f0a' },
]

/** A patch that git makes of two trees. */
function patchOf(before: Record<string, string>, after: Record<string, string>): Buffer {
  using folder = temporaryFolder()
  const git = (...args: string[]) => execFileSync('git', ['-c', 'core.autocrlf=false', ...args], { cwd: folder.path })
  const write = (files: Record<string, string>) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(folder.path, path, '..'), { recursive: true })
      writeFileSync(join(folder.path, path), text)
    }
    git('add', '-A')
  }
  git('init', '-q')
  write({ first: '', ...before })
  const base = git('write-tree').toString().trim()
  write(after)
  const tree = git('write-tree').toString().trim()
  return git('diff-tree', '-r', '-p', '--binary', '--full-index', base, tree)
}

test.each([
  ['as it is', `token=${TOKEN}\n`],
  ['in JSON', `{"t": ${JSON.stringify(TOKEN).replaceAll('/', '\\/')}}\n`],
  ['in a URL', `https://x:${encodeURIComponent(TOKEN)}@host/\n`],
  ['in base64', `${Buffer.from(`_auth=${TOKEN}`).toString('base64')}\n`],
])('secretsInPatch() names a file that adds a secret %s', async (_how, text) => {
  const patch = patchOf({}, { 'a b/config.ini': `x\n${text}`, plain: 'nothing of note\n' })
  expect(await secretsInPatch(patch, SECRETS)).toEqual([
    { path: 'a b/config.ini', why: 'contains the value of secret NPM_TOKEN' },
  ])
})

test('secretsInPatch() knows a key of many lines, and a token without its scheme', async () => {
  const found = await secretsInPatch(patchOf({}, { key: PEM, 'ü.sh': 'curl -H "x: brokered-7d1f0a"\n' }), SECRETS)
  expect(found.map(({ why }) => why)).toEqual([
    'contains the value of secret DEPLOY_KEY',
    'contains the value of secret REGISTRY',
  ])
  expect(found.every(holdsSecret)).toBe(true)
})

test('secretsInPatch() leaves out what the change takes away, and what was there before', async () => {
  const before = { gone: `${TOKEN}\n`, kept: `one\n${TOKEN}\nthree\n` }
  expect(await secretsInPatch(patchOf(before, { gone: 'nothing\n', kept: `one\n${TOKEN}\n3\n` }), SECRETS)).toEqual([])
})

test('secretsInPatch() is not led to another file by lines that look like heads', async () => {
  const text = `++ b/elsewhere\n-- a/elsewhere\ndiff --git a/x b/x\n@@ -1 +1 @@\n${TOKEN}\n`
  const [flagged, ...more] = await secretsInPatch(patchOf({}, { here: text }), SECRETS)
  expect([flagged?.path, more]).toEqual(['here', []])
})
