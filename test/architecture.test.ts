import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

type Permission = 'value' | 'type'

/** What each folder may import from the others. `type` means type-only imports. `*` is everything: the composition root. */
const LAYERS: Record<string, Record<string, Permission>> = {
  domain: {},
  'sandbox-policy': {},
  forge: { domain: 'value' },
  runner: { domain: 'value', 'sandbox-policy': 'value', forge: 'value' },
  api: { domain: 'value', 'sandbox-policy': 'value', forge: 'value' },
  cli: { api: 'type' },
  client: {},
  examples: { client: 'value' },
  bin: { '*': 'value' },
  bench: { '*': 'value' },
}

/** The only files that may import each vendor package: a whole name, or the beginning of one. */
const VENDORS: Record<string, string> = {
  dockerode: 'runner/sandbox/docker',
  '@octokit/': 'forge/github.ts',
  'simple-git': 'forge/git.ts',
  'tar-stream': 'runner/',
  hono: 'api/',
  '@hono/': 'api/',
  'prom-client': 'api/metrics.ts',
  'openid-client': 'api/sign-in/',
  yaml: 'api/environment-file/',
  'openapi-fetch': 'client/',
  postgres: 'domain/db.ts|domain/migrate.ts',
}

/** What a program writes may have any length. */
const GENERATED = ['client/schema.ts']

/** Folders of the repository that hold no layer of the product. */
const OUTSIDE = new Set(['test', 'docs', 'images', 'migrations', 'scripts', 'node_modules', 'dist'])

const files = Object.keys(LAYERS).flatMap(sourceFiles)
const imports = new Map(files.map((file) => [file, importsOf(file)]))

test('every top-level folder is a known layer', () => {
  const folders = readdirSync('.', { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !entry.name.startsWith('.'),
  )
  expect(folders.map((entry) => entry.name).filter((name) => !(name in LAYERS) && !OUTSIDE.has(name))).toEqual([])
})

test.each(Object.keys(LAYERS))('%s imports only what its layer allows', (layer) => {
  const broken = files
    .filter((file) => layerOf(file) === layer)
    .flatMap((file) =>
      (imports.get(file) ?? []).filter((each) => !mayImport(layer, each)).map((each) => `${file} -> ${each.to}`),
    )
  expect(broken).toEqual([])
})

test('each vendor package is imported in its place only', () => {
  const broken = files.flatMap((file) =>
    (imports.get(file) ?? []).flatMap(({ to }) => {
      const vendor = Object.keys(VENDORS).find(
        (name) => to === name || to.startsWith(name.endsWith('/') ? name : `${name}/`),
      )
      const places = vendor === undefined ? [] : (VENDORS[vendor] ?? '').split('|')
      return vendor === undefined || places.some((place) => file.startsWith(place)) ? [] : [`${file} -> ${to}`]
    }),
  )
  expect(broken.filter((each) => !each.startsWith('bench/'))).toEqual([])
})

test('no import leads back to its own file', () => {
  expect(files.map((file) => cycleFrom(file)).filter((cycle) => cycle.length > 0)).toEqual([])
})

test('process.env is read in main.ts and config.ts only', () => {
  const readers = files.filter((file) =>
    /process\s*\.\s*env\b|\benv\b[^\n]*from 'node:process'/.test(readFileSync(file, 'utf8')),
  )
  const allowed = (file: string) => /(^|\/)(main|config)\.ts$/.test(file) || file.startsWith('bench/')
  expect(readers.filter((file) => !allowed(file))).toEqual([])
})

test('nothing is exported by default and nothing is re-exported', () => {
  expect(
    files.filter((file) => /^export default |^export (\*|\{[^}]*\}) from /m.test(readFileSync(file, 'utf8'))),
  ).toEqual([])
})

test('a file has at most 300 lines', () => {
  expect(
    files.filter((file) => !GENERATED.includes(file) && readFileSync(file, 'utf8').split('\n').length > 301),
  ).toEqual([])
})

type Import = { to: string; typeOnly: boolean }

function mayImport(layer: string, { to, typeOnly }: Import): boolean {
  const target = to.split('/')[0] ?? ''
  if (!(target in LAYERS) || target === layer) return true
  const permission = LAYERS[layer]?.[target] ?? LAYERS[layer]?.['*']
  return permission === 'value' || (permission === 'type' && typeOnly)
}

/** Static imports, re-exports and dynamic imports with their targets, those of our own as paths from the root. */
function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
  const found: Import[] = []
  const add = (specifier: ts.Node | undefined, typeOnly: boolean) => {
    if (!specifier || !ts.isStringLiteralLike(specifier)) return
    const name = specifier.text
    found.push({ to: name.startsWith('.') ? join(dirname(file), name).split(sep).join('/') : name, typeOnly })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeOnly(node))
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) add(node.argument.literal, true)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function isTypeOnly({ importClause }: ts.ImportDeclaration): boolean {
  if (!importClause) return false
  const named = importClause.namedBindings
  const allNamed =
    named && ts.isNamedImports(named) && named.elements.length > 0 && named.elements.every((each) => each.isTypeOnly)
  return importClause.isTypeOnly || (importClause.name === undefined && allNamed === true)
}

function cycleFrom(start: string): string[] {
  const seen = new Set<string>()
  const walk = (file: string, path: string[]): string[] => {
    for (const { to, typeOnly } of imports.get(file) ?? []) {
      if (typeOnly) continue
      if (to === start) return [...path, to]
      if (seen.has(to) || !imports.has(to)) continue
      seen.add(to)
      const cycle = walk(to, [...path, to])
      if (cycle.length > 0) return cycle
    }
    return []
  }
  return walk(start, [start])
}

const layerOf = (file: string) => file.split('/')[0] ?? ''

function sourceFiles(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => `${folder}/${name.split(sep).join('/')}`)
}
