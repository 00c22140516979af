import type { Find } from './find.ts'

/** The engine removes a tree with one open file for each level, and has some tens of thousands for all of its work. */
const MAX_DEPTH = 1000
const LIMITS = { maxBytes: 1024, deadlineMs: 120_000 }

/** Says whether folders below these lie deeper than the engine can well remove. Reads no name. */
export async function isDeep(folders: readonly string[], find: Find): Promise<boolean> {
  const args = [...folders, '-xdev', '-mindepth', String(MAX_DEPTH), '-printf', 'x', '-quit']
  return (await find(args, LIMITS)).output.includes('x')
}

/** Empties folders however deep they are: `find` holds few files open. Only for when nobody writes to them any more. */
export async function emptyFolders(folders: readonly string[], find: Find): Promise<void> {
  await find([...folders, '-xdev', '-mindepth', '1', '-delete'], LIMITS)
}
