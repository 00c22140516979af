import { readCredentials } from '../domain/credentials/credentials.ts'
import { grantVersions } from '../domain/credentials/grant-versions.ts'
import { readPolicy } from '../domain/environments/read-policy.ts'
import { DrydockError } from '../domain/errors.ts'
import type { Job } from '../domain/tasks/job.ts'
import type { Credential } from '../sandbox-policy/control.ts'
import { AttemptFailure } from './failure.ts'
import { credentialsOf, networkPlan } from './network-plan.ts'
import type { NetworkPlan } from './network-plan.ts'
import type { RunnerDeps } from './runner-deps.ts'

type Environment = Pick<Job['environment'], 'id' | 'policy' | 'provider'>

/** Reads what an environment may reach now. Versions are those of before anything was granted, so that no change is missed. */
export function planReader(
  environment: Environment,
  deps: Pick<RunnerDeps, 'db' | 'workspacePolicy'>,
): () => Promise<NetworkPlan> {
  const { provider } = environment
  const versionsOf = ({ setup, agent }: NetworkPlan) =>
    grantVersions(deps.db, { credentials: [...credentialsOf(setup), ...credentialsOf(agent)], provider })
  const atStart = versionsOf(networkPlan(environment, deps.workspacePolicy())).catch(() => undefined)
  return async () => {
    const policy = (await readPolicy(deps.db, environment.id)) ?? environment.policy
    const plan = networkPlan({ policy }, deps.workspacePolicy())
    const granted = await versionsOf(plan)
    return granted === (await atStart) ? plan : { ...plan, granted }
  }
}

export type CredentialReaderDeps = Pick<RunnerDeps, 'db' | 'keyring'> & {
  /** Waits while the database is away. */
  write: <T>(work: () => Promise<T>) => Promise<T>
  /** Tells people what is missing. */
  note: (message: string) => Promise<void>
}

/** Reads the credentials that rules name; of those that are not there, people are told. */
export const credentialReader =
  ({ db, keyring, write, note }: CredentialReaderDeps) =>
  async (names: readonly string[]): Promise<Record<string, Credential>> => {
    const found = await write(() => readCredentials(db, keyring, names)).catch(asFailure('network-unavailable'))
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
