import type { Proposal, Reason } from '../../../domain/environments/proposal.ts'
import { chooseVersions } from './choose-versions.ts'
import type { Repository } from './files.ts'
import { isPlain } from './files.ts'
import { hintsOf } from './hints.ts'
import { MAX_PROJECTS, findProjects } from './projects.ts'
import type { Project } from './projects.ts'
import { scriptsOf } from './scripts.ts'
import { inFolder } from './shell.ts'
import { starterTasks } from './starter-tasks.ts'
import { unsupported } from './unsupported.ts'

const IMAGE = 'universal'
const MAX_VERIFICATION = 24
const MAX_REASONS = 120

/**
 * Reads a repository's files and proposes its environment, with the reason of every line. All of it is text that anybody
 * may have written: nothing is run, every path in a script is one word of the shell, and what cannot be read is a note.
 */
export function detect(repository: Repository): Proposal {
  const { projects, left } = findProjects(repository)
  const { versions, reasons: versionReasons } = chooseVersions(projects.flatMap(({ part }) => part.versions))
  const { setupScript, maintenanceScript, reasons: scriptReasons } = scriptsOf(projects)
  const checks = verificationOf(projects)
  const verification = [...new Set(checks.map(({ what }) => what))].slice(0, MAX_VERIFICATION)
  const languages = [...new Set(projects.map(({ part }) => part.language))]
  const reasons: Reason[] = [
    imageReason(languages),
    ...versionReasons,
    ...scriptReasons,
    ...checks.slice(0, MAX_VERIFICATION),
    ...notesOf(repository, { projects, left, isEmpty: verification.length === 0 }),
    ...unsupported(repository),
    ...hintsOf(repository, versions),
  ]
  return {
    image: IMAGE,
    versions,
    setupScript,
    maintenanceScript,
    verification,
    starterTasks: starterTasks(languages, verification),
    reasons: reasons.slice(0, MAX_REASONS),
  }
}

function imageReason(languages: readonly string[]): Reason {
  const found = languages.length === 0 ? 'no project was recognised' : `it has what was found: ${languages.join(', ')}`
  return { part: 'image', what: IMAGE, why: found, from: null }
}

function verificationOf(projects: readonly Project[]): Reason[] {
  return projects.flatMap(({ folder, part }) =>
    part.verification.map(({ run, why, from }) => ({
      part: 'verification' as const,
      what: inFolder(folder.path, run),
      why,
      from,
    })),
  )
}

type Found = { projects: readonly Project[]; left: readonly string[]; isEmpty: boolean }

function notesOf({ paths }: Repository, { projects, left, isEmpty }: Found): Reason[] {
  const notes: Reason[] = projects.flatMap(({ part }) => part.notes.map((note) => ({ part: 'note' as const, ...note })))
  const odd = paths.filter((path) => !isPlain(path)).length
  const add = (what: string, why: string) => notes.push({ part: 'note', what, why, from: null })
  if (isEmpty) add('no verification', 'no tests or builds were recognised: name the commands by --verify')
  if (left.length > 0)
    add(`${left.length} more folders with manifests are left out`, `at most ${MAX_PROJECTS} projects are set up`)
  if (odd > 0) add(`${odd} files are not looked at`, 'their names hold characters that do not belong in a script')
  return notes
}
