import { byteSearch } from './byte-search.ts'

/** Names that the engine's JSON shows as JSON does here; of others it escapes or replaces bytes in its own way. */
const PLAIN = /^[\x20-\x7e]+$/

/**
 * Those of some paths that the engine's list of changes names as made or changed, and those whose names the list cannot
 * show. The list may have millions of names that a sandbox chose: it is searched as it comes, and never held.
 */
export async function changedAmong(paths: readonly string[], list: AsyncIterable<Uint8Array>): Promise<Set<string>> {
  const asked = paths
    .filter((path) => PLAIN.test(path))
    .flatMap((path) => MADE_OR_CHANGED.map((kind) => ({ path, entry: entryOf(path, kind) })))
  const found = new Set(paths.filter((path) => !PLAIN.test(path)))
  const searches = asked.map(({ path, entry }) => ({ path, search: byteSearch([entry]) }))
  for await (const chunk of list) {
    for (const { path, search } of searches) if (search.push(chunk) !== undefined) found.add(path)
  }
  return found
}

const MADE_OR_CHANGED = [0, 1]

const entryOf = (path: string, kind: number) => Buffer.from(`{"Path":${JSON.stringify(path)},"Kind":${kind}}`)
