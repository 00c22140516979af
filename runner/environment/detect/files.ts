// The repository as the detector sees it: names that are plain, and the text of small files that say what a project needs.

const MAX_DEPTH = 4
const MAX_READ = 200
export const MAX_FILE_BYTES = 256 * 1024
/** Folders whose projects belong to somebody else, or are there to be tested against. */
const FOREIGN = new Set(
  'node_modules vendor third_party thirdparty testdata fixtures __fixtures__ examples example samples dist build target docs templates template site-packages'.split(
    ' ',
  ),
)
const WANTED = [
  /^(package\.json|pnpm-workspace\.yaml|\.yarnrc\.yml|\.nvmrc|\.node-version|\.python-version|\.ruby-version|\.java-version|\.tool-versions|\.sdkmanrc)$/,
  /^(pyproject\.toml|setup\.py|setup\.cfg|tox\.ini|pytest\.ini|Pipfile|[\w.-]*requirements[\w.-]*\.txt)$/,
  /^(go\.mod|go\.work|Cargo\.toml|rust-toolchain|rust-toolchain\.toml|composer\.json|CMakeLists\.txt|(GNUm|M|m)akefile)$/,
  /^(pom\.xml|(build|settings)\.gradle(\.kts)?|gradle-wrapper\.properties|Gemfile|Rakefile|[\w.-]+\.gemspec)$/,
  /^(\.gitignore|\.gitlab-ci\.yml|\.?devcontainer\.json)$/,
]
const WORKFLOW = /^\.github\/workflows\/[^/]+\.ya?ml$/

/** What the detector works on. Nothing of it was checked. */
export type Repository = {
  /** All files of the commit. */
  paths: readonly string[]
  /** The text of those that `wantedFiles` named, as far as they are text and small. */
  texts: ReadonlyMap<string, string>
}

/**
 * A path that can stand in a script for people to read: printable, no `.` or `..` and nothing that looks like an option.
 * Git allows others; they are left out.
 */
export function isPlain(path: string): boolean {
  return (
    path.length <= 300 &&
    !/[^\p{L}\p{N} ._@%+=:,/()[\]{}~#&'$!-]/u.test(path) &&
    !/(^|\/)(-|\.{1,2}(\/|$)|$)/.test(path)
  )
}

/** Says whether a path lies in a folder whose projects are not this repository's own. */
export function isForeign(path: string): boolean {
  return path
    .split('/')
    .slice(0, -1)
    .some((name) => FOREIGN.has(name))
}

/** The files whose text decides something, those nearest to the root first. */
export function wantedFiles(paths: readonly string[]): string[] {
  return paths
    .filter((path) => WORKFLOW.test(path) || (depthOf(path) <= MAX_DEPTH && isWantedName(path)))
    .filter((path) => isPlain(path) && !isForeign(path))
    .sort((a, b) => depthOf(a) - depthOf(b) || (a < b ? -1 : 1))
    .slice(0, MAX_READ)
}

export const depthOf = (path: string) => path.split('/').length

function isWantedName(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return WANTED.some((pattern) => pattern.test(name))
}
