import { grantVersions } from '../domain/credentials/grant-versions.ts'
import { readPolicy } from '../domain/environments/read-policy.ts'
import { listSecrets } from '../domain/environments/secrets.ts'
import { DrydockError } from '../domain/errors.ts'
import type { Job } from '../domain/tasks/job.ts'
import type { Credential } from '../sandbox-policy/control.ts'
import { AttemptFailure } from './failure.ts'
import { livePlan } from './live-plan.ts'
import type { LivePlan } from './live-plan.ts'
import { credentialsOf, networkPlan } from './network-plan.ts'
import type { BrokeredSecret, NetworkPlan } from './network-plan.ts'
import type { RunnerDeps } from './runner-deps.ts'
import { brokeredOf, openCredentials } from './secrets/attempt-secrets.ts'
import type { SecretUse } from './secrets/attempt-secrets.ts'

type Environment = Pick<Job['environment'], 'id' | 'policy' | 'provider'> & { brokered: readonly BrokeredSecret[] }

/** What an environment may reach, as it is now and as it will be. `about` says for whom, should it not be readable. */
export function followedPlan(
  environment: Environment,
  deps: Pick<RunnerDeps, 'db' | 'workspacePolicy' | 'logger'>,
  about: Readonly<Record<string, string>>,
): LivePlan {
  const first = networkPlan(environment, deps.workspacePolicy())
  return livePlan(first, {
    read: planReader(environment, first, deps),
    onError: (error) => deps.logger.warn({ err: error, ...about }, 'Cannot look for a changed policy'),
  })
}

/** Reads what an environment may reach now. Versions are those of before anything was granted, so that no change is missed. */
function planReader(
  environment: Environment,
  first: NetworkPlan,
  deps: Pick<RunnerDeps, 'db' | 'workspacePolicy'>,
): () => Promise<NetworkPlan> {
  const { id, provider } = environment
  const versionsOf = ({ setup, agent }: NetworkPlan) =>
    grantVersions(deps.db, {
      credentials: [...credentialsOf(setup), ...credentialsOf(agent)],
      provider,
      environment: id,
    })
  const atStart = versionsOf(first).catch(() => undefined)
  return async () => {
    const policy = (await readPolicy(deps.db, id)) ?? environment.policy
    const brokered = brokeredOf(await listSecrets(deps.db, id))
    const plan = networkPlan({ policy, brokered }, deps.workspacePolicy())
    const granted = await versionsOf(plan)
    return granted === (await atStart) ? plan : { ...plan, granted }
  }
}

export type CredentialReaderDeps = Pick<RunnerDeps, 'db' | 'keyring'> & {
  /** For what; the brokered secrets of its environment count as credentials, too. */
  use: SecretUse
  /** Waits while the database is away. */
  write: <T>(work: () => Promise<T>) => Promise<T>
  /** Tells people what is missing. */
  note: (message: string) => Promise<void>
}

/** Reads the credentials that rules name; of those that are not there, people are told. */
export const credentialReader =
  ({ use, write, note, ...deps }: CredentialReaderDeps) =>
  async (names: readonly string[]): Promise<Record<string, Credential>> => {
    const found = await write(() => openCredentials(deps, names, use)).catch(asFailure('network-unavailable'))
    for (const name of names.filter((each) => !Object.hasOwn(found, each))) {
      await note(
        `There is no credential ${JSON.stringify(name)}: rules that name it deny. An administrator sets it with "drydock credential set"`,
      )
    }
    return found
  }

/** What an administrator must set first is the attempt's failure, with its sentence. */
export const asFailure =
  (reason: 'model-unavailable' | 'network-unavailable') =>
  (error: unknown): never => {
    if (!(error instanceof DrydockError) || error.code === 'database-unavailable') throw error
    throw new AttemptFailure(reason, error.message, { cause: error })
  }
