import { expect, test } from 'vitest'
import { detect } from '../../../../runner/environment/detect/detect.ts'
import { repositoryOf } from '../../../support/shapes/repository.ts'

const notesOf = (files: Record<string, string>) =>
  detect(repositoryOf(files)).reasons.filter(({ part, what }) => part === 'note' && what.includes('not supported'))

test.each([
  ['.NET', 'src/App/App.csproj'],
  ['.NET', 'App.sln'],
  ['Deno', 'deno.jsonc'],
  ['Elixir', 'mix.exs'],
  ['Swift', 'Package.swift'],
  ['Bun', 'bun.lockb'],
  ['Bun', 'bun.lock'],
])('detect() says that %s is not supported, by %s, and what to do', (name, path) => {
  const files = { 'package.json': '{"name": "a", "dependencies": {"ms": "2"}}', [path]: '' }
  expect(notesOf(files)).toMatchObject([
    { what: `${name} is not supported`, why: expect.stringContaining('--image') as string, from: path },
  ])
})

test('detect() says nothing of what lies in folders of others', () => {
  expect(notesOf({ 'examples/a/mix.exs': '', 'vendor/x/deno.json': '', 'go.mod': 'module a\n' })).toEqual([])
})

test.each([
  ['.ruby-version', { '.ruby-version': '3.1.4\n', Gemfile: '' }],
  ['Gemfile', { Gemfile: "ruby '3.1.4'\n" }],
])('detect() says that a Ruby that is pinned in %s cannot be had, and what to do', (from, files) => {
  expect(detect(repositoryOf(files)).reasons).toContainEqual({
    part: 'version',
    what: "ruby 3.3, the image's",
    why: expect.stringMatching(/asks for 3\.1\.4, which cannot be had: .* --image$/) as string,
    from,
  })
})

const BERRY = { 'package.json': '{"name": "a", "packageManager": "yarn@4.5.0"}', 'yarn.lock': '' }
const PNP = { what: '.pnp.cjs appears in changes' }

test('detect() hides what Yarn from version 2 on writes where no .gitignore does, and says what it cannot hide', () => {
  const pnp = detect(repositoryOf(BERRY))
  expect(pnp.setupScript).toContain("mkdir -p .yarn && echo '*' | tee .yarn/.gitignore > /dev/null\n")
  expect(pnp.reasons).toContainEqual(expect.objectContaining(PNP))
  const linked = detect(repositoryOf({ ...BERRY, '.yarnrc.yml': 'nodeLinker: node-modules\n' }))
  expect(linked.setupScript).toContain('tee .yarn/.gitignore node_modules/.gitignore')
  expect(linked.reasons).not.toContainEqual(expect.objectContaining(PNP))
  const ignoring = detect(repositoryOf({ ...BERRY, '.gitignore': '.yarn/*\n.pnp.*\n' }))
  expect(ignoring.setupScript).not.toContain('mkdir -p .yarn')
  expect(ignoring.reasons).not.toContainEqual(expect.objectContaining(PNP))
})
