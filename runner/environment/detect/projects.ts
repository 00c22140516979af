import { depthOf, isForeign, isPlain } from './files.ts'
import type { Repository } from './files.ts'
import { folderOf } from './folder.ts'
import type { Folder } from './folder.ts'
import { detectGo } from './go.ts'
import { detectGradle, detectMaven } from './java.ts'
import { detectMake, detectNative } from './native.ts'
import { detectBareNode, detectNode } from './node.ts'
import { detectPhp, detectScript } from './other.ts'
import type { Part } from './part.ts'
import { detectBarePython, detectPython } from './python.ts'
import { detectRuby } from './ruby.ts'
import { detectRust } from './rust.ts'

export const MAX_PROJECTS = 12
const MAX_FOLDER_DEPTH = 3
const MANIFEST =
  /^(package\.json|pyproject\.toml|setup\.py|setup\.cfg|Pipfile|requirements\.txt|go\.mod|Cargo\.toml|pom\.xml|(build|settings)\.gradle(\.kts)?|Gemfile|composer\.json|CMakeLists\.txt|meson\.build|configure|configure\.ac|[Mm]akefile|GNUmakefile)$/

/** By language; each is looked for in every folder that has a manifest. */
const DETECTORS = [detectNode, detectPython, detectGo, detectRust, detectMaven, detectGradle, detectRuby, detectPhp]

export type Project = { folder: Folder; part: Part }

/** The projects of a repository, those nearest to the root first. */
export function findProjects(repository: Repository): { projects: Project[]; left: readonly string[] } {
  const projects: Project[] = []
  const folders = candidates(repository.paths)
  const looked = folders.slice(0, 4 * MAX_PROJECTS)
  for (const path of looked) {
    if (projects.length >= MAX_PROJECTS) break
    const folder = folderOf(repository, path)
    for (const part of partsOf(folder, projects)) projects.push({ folder, part })
  }
  const seen = projects.length >= MAX_PROJECTS ? folders.indexOf(projects.at(-1)?.folder.path ?? '') + 1 : looked.length
  return { projects: withFallback(repository, projects), left: folders.slice(seen) }
}

/** What is found in a folder and is not part of a project further up. */
function partsOf(folder: Folder, projects: readonly Project[]): Part[] {
  const isCovered = (language: string) =>
    projects.some(
      ({ folder: above, part }) => part.coversBelow && part.language === language && isBelow(folder.path, above.path),
    )
  const parts = DETECTORS.map((detect) => detect(folder)).filter(
    (part) => part !== undefined && !isCovered(part.language),
  ) as Part[]
  if (parts.length > 0) return parts
  const native = detectNative(folder)
  const hasRootProject = projects.some(
    ({ folder: above, part }) => isBelow(folder.path, above.path) && part.language !== 'C',
  )
  // Sources of C below a project of another language are its own business.
  return native !== undefined && !isCovered('C') && !hasRootProject && ownsSources(folder) ? [native] : []
}

/** A Makefile over several projects is a convenience for people; one that has sources of its own builds them. */
function ownsSources(folder: Folder): boolean {
  const others = /(^|\/)(package\.json|pyproject\.toml|go\.mod|Cargo\.toml|pom\.xml|build\.gradle(\.kts)?|Gemfile)$/
  const taken = folder.below.filter((path) => others.test(path)).map((path) => path.slice(0, path.lastIndexOf('/') + 1))
  return folder.below.some(
    (path) => /\.(c|cc|cpp|cxx|f90|asm|s|S)$/.test(path) && !taken.some((each) => path.startsWith(each)),
  )
}

/** Where nothing says how the repository is tested, its Makefile, its tests or a script may. */
function withFallback(repository: Repository, projects: Project[]): Project[] {
  if (projects.some(({ part }) => part.verification.length > 0)) return projects
  const folder = folderOf(repository, '')
  const part = detectMake(folder) ?? detectBarePython(folder) ?? detectBareNode(folder) ?? detectScript(folder)
  return part === undefined ? projects : [...projects, { folder, part }]
}

function candidates(paths: readonly string[]): string[] {
  const folders = new Set([''])
  for (const path of paths) {
    const at = path.lastIndexOf('/')
    if (at < 0 || depthOf(path) > MAX_FOLDER_DEPTH + 1) continue
    if (MANIFEST.test(path.slice(at + 1)) && isPlain(path) && !isForeign(path)) folders.add(path.slice(0, at))
  }
  return [...folders].sort((a, b) => levelOf(a) - levelOf(b) || (a < b ? -1 : 1))
}

const levelOf = (folder: string) => (folder === '' ? 0 : depthOf(folder))
const isBelow = (folder: string, above: string) => folder !== above && (above === '' || folder.startsWith(`${above}/`))
