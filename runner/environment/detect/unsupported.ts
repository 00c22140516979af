import type { Reason } from '../../../domain/environments/proposal.ts'
import { depthOf, isForeign, isPlain } from './files.ts'
import type { Repository } from './files.ts'

/** What people have repositories in and the universal image has not, by the files that show it. */
const TOOLS: readonly (readonly [string, RegExp])[] = [
  ['.NET', /(^|\/)([^/]+\.(csproj|fsproj|vbproj|sln|slnx)|global\.json)$/],
  ['Deno', /(^|\/)deno\.(jsonc?|lock)$/],
  ['Elixir', /(^|\/)mix\.exs$/],
  ['Swift', /(^|\/)Package\.swift$/],
  ['Dart', /(^|\/)pubspec\.yaml$/],
  ['Scala', /(^|\/)build\.sbt$/],
  ['Haskell', /(^|\/)(stack\.yaml|[^/]+\.cabal)$/],
]
const MAX_DEPTH = 4

/** Says of what is not set up that it is not, and what to do: silence would look like a mistake. */
export function unsupported({ paths }: Repository): Reason[] {
  const own = paths.filter((path) => depthOf(path) <= MAX_DEPTH && isPlain(path) && !isForeign(path))
  return TOOLS.flatMap(([name, file]): Reason[] => {
    const from = own.find((path) => file.test(path))
    if (from === undefined) return []
    const why = `the universal image does not have it, and nothing of it is set up: ${OWN_IMAGE}`
    return [{ part: 'note', what: `${name} is not supported`, why, from }]
  })
}

/** The way out where the universal image will not do. */
export const OWN_IMAGE = 'name an image of your own that has it by --image'
