import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { git } from '../git-fixture.ts'

export type FakeUser = { login: string; id: number }
export type FakeRepository = {
  owner: string
  name: string
  id: number
  defaultBranch: string
  isPrivate: boolean
  archived: boolean
  /** Logins that may push; everyone else reads, if the repository is public. */
  writers: Set<string>
  /** The bare repository on disk. */
  path: string
}
export type FakePull = {
  number: number
  repository: string
  head: string
  base: string
  title: string
  body: string
  author: FakeUser
  state: 'open' | 'closed'
  headSha: string
}

/** All that the fake remembers. Tests read it, and may change it. */
export type FakeState = {
  tokens: Map<string, FakeUser>
  repositories: Map<string, FakeRepository>
  pulls: FakePull[]
}

export function emptyState(): FakeState {
  return { tokens: new Map(), repositories: new Map(), pulls: [] }
}

export type RepositoryInput = { writers?: string[]; isPrivate?: boolean; archived?: boolean; defaultBranch?: string }

/** Makes a bare repository that accepts pushes over http. */
export function addRepository(
  state: FakeState,
  root: string,
  fullName: string,
  input: RepositoryInput,
): FakeRepository {
  const [owner = '', name = ''] = fullName.split('/')
  const path = join(root, owner, `${name}.git`)
  const defaultBranch = input.defaultBranch ?? 'main'
  mkdirSync(path, { recursive: true })
  git(path, 'init', '-q', '--bare', '-b', defaultBranch)
  git(path, 'config', 'http.receivepack', 'true')
  const repository: FakeRepository = {
    owner,
    name,
    id: state.repositories.size + 1,
    defaultBranch,
    isPrivate: input.isPrivate ?? false,
    archived: input.archived ?? false,
    writers: new Set(input.writers ?? []),
    path,
  }
  state.repositories.set(fullName.toLowerCase(), repository)
  return repository
}

/** The repository as far as a user may know of it. */
export function visible(state: FakeState, fullName: string, user: FakeUser | undefined): FakeRepository | undefined {
  const repository = state.repositories.get(fullName.toLowerCase())
  if (repository === undefined) return undefined
  return !repository.isPrivate || (user !== undefined && repository.writers.has(user.login)) ? repository : undefined
}

export function branchHead(repository: FakeRepository, branch: string): string | undefined {
  try {
    return git(repository.path, 'rev-parse', '--verify', '--quiet', `refs/heads/${branch}`)
  } catch {
    return undefined
  }
}
