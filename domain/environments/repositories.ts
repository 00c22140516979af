// The repositories of an environment. An only one is checked out at /workspace. Several lie side by side, each in a
// folder of its name below it; the first is the main one.

import { DrydockError } from '../errors.ts'
import { repositoryName } from '../repositories/repositories.ts'
import type { RepositoryAddress } from '../repositories/repositories.ts'

/** Of one environment, the first included. */
export const MAX_REPOSITORIES = 8
const FOLDER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

/** A repository and the folder in which it lies. */
export type NamedRepository = RepositoryAddress & { name: string }
/** One that an environment has besides its first. */
export type OtherRepository = NamedRepository & { id: string }

type Asked = RepositoryAddress & { name?: string | undefined }

/**
 * Gives each repository besides the first its folder: by default the last part of its address, which the first one's is
 * always. Rejects with `repository-refused` what cannot lie side by side.
 */
export function nameRepositories(first: RepositoryAddress, others: readonly Asked[]): NamedRepository[] {
  if (others.length === 0) return []
  if (others.length >= MAX_REPOSITORIES) throw refused(`an environment has ${MAX_REPOSITORIES} of them at most`)
  const named = others.map(({ forge, address, name = repositoryName(address) }) => ({ forge, address, name }))
  const names = new Set<string>()
  const addresses = new Set<string>()
  for (const { forge, address, name } of [{ ...first, name: repositoryName(first.address) }, ...named]) {
    if (!FOLDER_NAME.test(name)) {
      throw refused(
        `${JSON.stringify(name.slice(0, 100))} cannot be the name of a folder: it takes 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit`,
      )
    }
    // Whoever clones them side by side may have folders that do not tell cases apart.
    if (names.has(name.toLowerCase()))
      throw refused(`two of them would lie in the folder "${name}". Name one otherwise`)
    if (addresses.has(`${forge} ${address}`)) throw refused(`${JSON.stringify(address)} is there twice`)
    names.add(name.toLowerCase())
    addresses.add(`${forge} ${address}`)
  }
  return named
}

const refused = (state: string) =>
  new DrydockError('repository-refused', `Cannot use these repositories side by side: ${state}`)
