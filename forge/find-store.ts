import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DrydockError } from '../domain/errors.ts'
import type { RunGit } from './git.ts'
import { storesIn } from './mirror-folder.ts'

type Where = {
  git: RunGit
  /** Where all mirrors lie. */
  folder: string
  /** The store of the remote and its present credential. */
  first: string
}

/**
 * The store that has a commit or a tree. A mirror belongs to one credential, so after a change of the credential what was
 * collected before lies in another one. Nothing is copied: commits are made and pushed where they are.
 */
export async function storeWith({ git, folder, first }: Where, id: string, signal?: AbortSignal): Promise<string> {
  const has = async (store: string) =>
    (await isLoose(store, id)) ||
    (await git(['cat-file', '-e', `${id}^{tree}`], { gitDir: store, ...(signal && { signal }) })).code === 0
  if (await has(first)) return first
  for (const store of await storesIn(folder)) {
    if (store !== first && (await has(store))) return store
  }
  throw new DrydockError(
    'not-found',
    `Cannot push commit ${id.slice(0, 10)}: this server's mirrors no longer have it. Run the task again.`,
  )
}

/** A commit that was just made is a file of its own; to look there takes no process. */
async function isLoose(store: string, id: string): Promise<boolean> {
  if (!/^[0-9a-f]{40}$/.test(id)) return false
  const found = await stat(join(store, 'objects', id.slice(0, 2), id.slice(2))).catch(() => undefined)
  return found?.isFile() === true
}
