import type { Folder } from './folder.ts'
import { parseJson, strings, table } from './parse.ts'
import type { Loose } from './parse.ts'

export type Member = { path: string; scripts: Loose }

/** The packages of a workspace, whose packages one install serves; undefined where the project is none. */
export function folderMembers(folder: Folder, manifest: Loose): Member[] | undefined {
  const patterns = [
    ...strings(manifest.workspaces),
    ...strings(table(manifest, 'workspaces').packages),
    ...pnpmPackages(folder.text('pnpm-workspace.yaml')),
  ]
  if (patterns.length === 0) return undefined
  return folder.below
    .filter((path) => path.endsWith('/package.json'))
    .map((path) => path.slice(0, -'/package.json'.length))
    .filter((path) => patterns.some((pattern) => isMember(pattern, path)))
    .map((path) => ({ path, scripts: scriptsOf(folder.text(`${path}/package.json`)) }))
}

function scriptsOf(text: string | undefined): Loose {
  const read = parseJson(text ?? '')
  return read.ok ? table(read.value, 'scripts') : {}
}

/** The list below `packages:`, which people write one a line. */
function pnpmPackages(text = ''): string[] {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => /^packages:\s*$/.test(line))
  if (start < 0) return []
  const rest = lines.slice(start + 1)
  const end = rest.findIndex((line) => /^[A-Za-z]/.test(line))
  return (end < 0 ? rest : rest.slice(0, end)).flatMap((line) => /^\s*-\s*['"]?([^'"#\s]+)/.exec(line)?.[1] ?? [])
}

function isMember(pattern: string, path: string): boolean {
  const wanted = pattern.replace(/^\.\//, '').replace(/\/$/, '').split('/')
  const parts = path.split('/')
  if (wanted.at(-1) === '**') return wanted.slice(0, -1).every((each, i) => matches(each, parts[i]))
  return wanted.length === parts.length && wanted.every((each, i) => matches(each, parts[i]))
}

/** One part of a path; a star stands for any text. */
function matches(pattern: string, part = ''): boolean {
  if (pattern === '*' || pattern === '**') return true
  const star = pattern.indexOf('*')
  if (star < 0) return pattern === part
  const [head, tail] = [pattern.slice(0, star), pattern.slice(star + 1)]
  return part.length >= head.length + tail.length && part.startsWith(head) && part.endsWith(tail)
}
