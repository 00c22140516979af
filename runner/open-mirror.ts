import { DrydockError } from '../domain/errors.ts'
import type { RepositoryAddress } from '../domain/repositories/repositories.ts'
import type { FailureReason } from '../domain/tasks/attempt.ts'
import type { MirrorView } from '../forge/mirrors.ts'
import { AttemptFailure } from './failure.ts'
import type { RunnerDeps } from './runner-deps.ts'

/** What a repository does wrong is the attempt's failure, under the same name. */
const REASONS: Partial<Record<DrydockError['code'], FailureReason>> = {
  'repository-refused': 'repository-refused',
  'repository-not-found': 'repository-not-found',
  'repository-auth': 'repository-auth',
  'repository-empty': 'repository-empty',
  'forge-unavailable': 'repository-unavailable',
  'rate-limited': 'repository-unavailable',
}

/** Of which repository, and which of its branches must be up to date: by default the default one. */
export type MirrorOf = { repository: RepositoryAddress; branch?: string | null | undefined }

export async function openMirror(
  { repository, branch }: MirrorOf,
  { mirrors, remoteOf }: Pick<RunnerDeps, 'mirrors' | 'remoteOf'>,
  signal: AbortSignal,
): Promise<MirrorView> {
  try {
    return await mirrors.open(await remoteOf(repository), signal, branch ?? undefined)
  } catch (error) {
    const reason = error instanceof DrydockError ? REASONS[error.code] : undefined
    if (!reason) throw error
    throw new AttemptFailure(reason, (error as DrydockError).message, { cause: error })
  }
}
