import type { EnvironmentView } from '../../domain/environments/environments.ts'
import { repositoryName } from '../../domain/repositories/repositories.ts'
import type { EnvironmentFile } from './file-schema.ts'

type InFile = { repository: string; name: string }

/** The repositories besides the first of an environment, as its file has them. */
export const inFile = ({ repositories }: Pick<EnvironmentView, 'repositories'>): InFile[] =>
  repositories.map(({ address, name }) => ({ repository: address, name }))

/** Those that a file declares, each with the name that it would get. */
export const declaredIn = ({ repositories = [] }: EnvironmentFile): InFile[] =>
  repositories.map(({ repository, name }) => {
    const address = repository.trim()
    return { repository: address, name: name ?? repositoryName(address) }
  })
