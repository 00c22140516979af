import type { Folder } from './folder.ts'
import type { Step } from './part.ts'
import { quote } from './shell.ts'

const MAX_FOLDERS = 40

/** What makes folders invisible to git that tools write beside the sources and no `.gitignore` of the repository names. */
export function keepOut(folder: Folder, names: readonly string[], from: string): Step[] {
  const seen = names.filter((name) => !folder.ignores(lastOf(name))).slice(0, MAX_FOLDERS)
  if (seen.length === 0) return []
  const files = seen.map((name) => quote(`${name}/.gitignore`)).join(' ')
  const run = `mkdir -p ${seen.map(quote).join(' ')} && echo '*' | tee ${files} > /dev/null`
  return [{ run, why: 'the .gitignore of the repository does not name it; so its files appear in no change', from }]
}

/**
 * Runs a command on a copy of the work tree, for tools that write beside the sources what no `.gitignore` names. Keeps the
 * times of files, by which tools see what is built.
 */
export function onCopy(folder: Folder, command: string): string {
  const copy = buildFolder(folder)
  return `(rm -rf ${copy} && cp -a . ${copy} && cd ${copy} && ${command})`
}

/** Where a project is built outside the work tree: each has its own, since build systems refuse that of another. */
export function buildFolder({ path }: Folder): string {
  return path === '' ? '/tmp/build' : `/tmp/build-${path.replace(/[^A-Za-z0-9]+/g, '-')}`
}

const lastOf = (path: string) => path.slice(path.lastIndexOf('/') + 1)
