import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { detect } from '../../../../runner/environment/detect/detect.ts'
import { isForeign, isPlain, wantedFiles } from '../../../../runner/environment/detect/files.ts'
import { quote } from '../../../../runner/environment/detect/shell.ts'
import { repositoryOf } from '../../../support/shapes/repository.ts'

const MANIFESTS: Readonly<Record<string, string>> = {
  'package.json': '{"name":"a","dependencies":{"ms":"2"},"scripts":{"test":"node --test"}}',
  'go.mod': 'module a\n\ngo 1.21\n\nrequire example.test/b v1.0.0\n',
  'Cargo.toml': '[package]\nname = "a"\nversion = "1.0.0"\n',
  'requirements.txt': 'a\n',
  'test_a.py': 'def test_a(): pass\n',
}

test.each([
  ['package.json', '{"scripts": {'],
  ['package.json', '[]'],
  ['package.json', '{"workspaces": 7, "scripts": [], "engines": "x", "packageManager": {}, "volta": null}'],
  ['package.json', '{"__proto__": {"scripts": {"test": "x"}}}'],
  ['pyproject.toml', '[project\nname ='],
  ['pyproject.toml', `a = ${'['.repeat(100_000)}`],
  ['Pipfile', '= ='],
  ['Cargo.toml', '\u0000\ufffd'],
  ['rust-toolchain.toml', 'nonsense = ['],
  ['pom.xml', '<<<<modules>'],
  ['go.mod', 'go 99999999.99999\ntoolchain x'],
  ['Gemfile', "ruby '"],
  ['composer.json', '{'],
  ['.tool-versions', 'nodejs\npython  \n\t\n__proto__ 1\nconstructor 2'],
  ['.nvmrc', `${'9'.repeat(200_000)}`],
  ['.devcontainer/devcontainer.json', '/*'.repeat(100_000)],
  ['.gitlab-ci.yml', `${'image: '.repeat(30_000)}`],
  ['Makefile', `${' '.repeat(200_000)}:`],
])('detect() reads a broken %s and gives its reasons', (path, text) => {
  const started = performance.now()
  const proposal = detect(repositoryOf({ [path]: text, 'README.md': '' }))
  expect(performance.now() - started).toBeLessThan(5000)
  expect(JSON.stringify(proposal).length).toBeLessThan(60_000)
  expect(proposal.reasons.every(({ what, why }) => !/[\x00-\x1f]/.test(what + why))).toBe(true)
})

test('detect() says which file it could not read', () => {
  const { reasons } = detect(repositoryOf({ 'package.json': '{' }))
  expect(reasons).toContainEqual({
    part: 'note',
    what: 'package.json is not used',
    why: expect.stringMatching(/^it cannot be read: /),
    from: 'package.json',
  })
})

test.each([
  ['web/package.json', true],
  ['my web/package.json', true],
  ["it's/package.json", true],
  ['$(id)/package.json', true],
  ['-rf/package.json', false],
  ['a\nb/package.json', false],
  ['../package.json', false],
  ['`id`/package.json', false],
  ['\u202egnp/package.json', false],
])('isPlain(%j) is %s', (path, plain) => {
  expect(isPlain(path)).toBe(plain)
})

test('wantedFiles() is bounded and leaves out what belongs to others', () => {
  const many = Array.from({ length: 5000 }, (_, i) => `p${i}/package.json`)
  expect(wantedFiles([...many, 'node_modules/a/package.json', 'package.json'])).toHaveLength(200)
  expect(
    wantedFiles(['node_modules/a/package.json', 'a/b/c/d/e/package.json', 'a/test/fixtures/package.json']),
  ).toEqual([])
  expect(isForeign('vendor/a/go.mod')).toBe(true)
})

test('detect() stays bounded with thousands of projects', () => {
  const files = Object.fromEntries(
    Array.from({ length: 3000 }, (_, i) => [`p${i}/package.json`, MANIFESTS['package.json'] ?? '']),
  )
  const { setupScript, verification, reasons } = detect(repositoryOf(files))
  expect((setupScript ?? '').length).toBeLessThan(10_000)
  expect(verification.length).toBeLessThanOrEqual(24)
  expect(reasons.some(({ what }) => /folders with manifests are left out$/.test(what))).toBe(true)
})

const odd = fc.constantFrom(...`ab1 _.-'"$()&;|<>\`\\#~!{}[]*?=%@,:\n\tü`)
const folderName = fc.string({ unit: odd, minLength: 1, maxLength: 12 }).filter((name) => !/[/\0]/.test(name))

/** Runs a script in which only `cd` says something, and everything else is nothing. */
function foldersEntered(script: string): string[] {
  const stubs = [
    'npm',
    'go',
    'cargo',
    'python',
    'python3',
    'node',
    'sha256sum',
    'find',
    'echo',
    'mkdir',
    'tee',
    'rm',
    'cp',
  ]
  const head = [
    'cd() { printf "%s\\0" "$1"; }',
    ...stubs.map((name) => `${name}() { :; }`),
    'command_not_found_handle() { printf "ran %s\\0" "$1"; }',
    'PATH=/nonexistent',
  ].join('\n')
  const text = script.replaceAll('/opt/cache/manifests.sha256', '/dev/null')
  const out = execFileSync('/bin/bash', ['-c', `${head}\n${text}`], { encoding: 'utf8', cwd: '/' })
  return out.split('\0').slice(0, -1)
}

test('detect() makes every path in a script one word of the shell, whatever its name', () => {
  fc.assert(
    fc.property(fc.uniqueArray(folderName, { minLength: 1, maxLength: 4 }), (names) => {
      const files = Object.fromEntries(
        names.flatMap((name) => Object.entries(MANIFESTS).map(([file, text]) => [`${name}/${file}`, text])),
      )
      const { setupScript, verification } = detect(repositoryOf(files))
      const expected = names.filter((name) => isPlain(`${name}/package.json`) && !isForeign(`${name}/package.json`))
      const entered = foldersEntered([setupScript ?? '', ...verification].join('\n'))
      expect(new Set(entered.filter((each) => !/^\/(workspace|tmp\/build[A-Za-z0-9-]*)$/.test(each)))).toEqual(
        new Set(expected),
      )
    }),
    { numRuns: 40 },
  )
  // Each run starts many shells, and fast-check may have to make an example small.
}, 120_000)

test('what the test before looks for is seen where nothing is quoted', () => {
  expect(foldersEntered('cd "$(cd x)"')).toEqual(['x'])
  expect(foldersEntered('(cd x;id)')).toEqual(['x', 'ran id'])
})

test('quote() gives back any text through a shell', () => {
  const texts = fc.sample(fc.string({ unit: odd, maxLength: 20 }), { numRuns: 500, seed: 7 })
  const script = `printf '%s\\0' ${texts.map(quote).join(' ')}`
  expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1)).toEqual(texts)
})
