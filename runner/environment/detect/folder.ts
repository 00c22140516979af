import { isForeign, isPlain } from './files.ts'
import type { Repository } from './files.ts'

/** A folder of the repository: where a project may be. */
export type Folder = {
  /** From the root, which is ''. */
  path: string
  has: (name: string) => boolean
  /** The first of these names that is here. */
  first: (...names: string[]) => string | undefined
  text: (name: string) => string | undefined
  /** Files here and below, from this folder; those in foreign folders left out. */
  below: readonly string[]
  /** A name as the reasons give it: from the root. */
  at: (name: string) => string
  /** Says whether a `.gitignore` names it here or further up; patterns that are more than a name are not understood. */
  ignores: (name: string) => boolean
  /** Says whether a `.gitignore` names anything at all here or further up. */
  isIgnoring: boolean
}

/** Looks at one folder of a repository. */
export function folderOf({ paths, texts }: Repository, path: string): Folder {
  const prefix = path === '' ? '' : `${path}/`
  const below = paths.filter((each) => each.startsWith(prefix)).map((each) => each.slice(prefix.length))
  const all = new Set(below)
  const at = (name: string) => prefix + name
  const parents = path.split('/').map((_, i, parts) => `${parts.slice(0, i + 1).join('/')}/`)
  const ignored = new Set(
    ['', ...(path === '' ? [] : parents)].flatMap((each) => ignoredNames(texts.get(`${each}.gitignore`))),
  )
  return {
    path,
    has: (name) => all.has(name),
    first: (...names) => names.find((name) => all.has(name)),
    text: (name) => texts.get(at(name)),
    below: below.filter((each) => isPlain(each) && !isForeign(each)),
    at,
    ignores: (name) => ignored.has(name),
    isIgnoring: ignored.size > 0,
  }
}

function ignoredNames(text = ''): string[] {
  return text
    .split('\n')
    .map((line) =>
      line
        .trim()
        .replace(/^(\*\*)?\//, '')
        .replace(/\/(\*\*?)?$/, ''),
    )
    .filter((line) => line !== '' && !/^[#!]/.test(line))
}
