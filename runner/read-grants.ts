import { grantVersions } from '../domain/credentials/grant-versions.ts'
import { readPolicy } from '../domain/environments/read-policy.ts'
import { listSecrets } from '../domain/environments/secrets.ts'
import { DrydockError } from '../domain/errors.ts'
import type { Job } from '../domain/tasks/job.ts'
import type { Credential } from '../sandbox-policy/control.ts'
import { AttemptFailure } from './failure.ts'
import { credentialsOf, networkPlan } from './network-plan.ts'
import type { BrokeredSecret, NetworkPlan } from './network-plan.ts'
import type { RunnerDeps } from './runner-deps.ts'
import { openCredentials } from './secrets/attempt-secrets.ts'

type Environment = Pick<Job['environment'], 'id' | 'policy' | 'provider'> & { brokered: readonly BrokeredSecret[] }

/** Reads what an environment may reach now. Versions are those of before anything was granted, so that no change is missed. */
export function planReader(
  environment: Environment,
  deps: Pick<RunnerDeps, 'db' | 'workspacePolicy'>,
): () => Promise<NetworkPlan> {
  const { id, provider } = environment
  const versionsOf = ({ setup, agent }: NetworkPlan) =>
    grantVersions(deps.db, {
      credentials: [...credentialsOf(setup), ...credentialsOf(agent)],
      provider,
      environment: id,
    })
  const atStart = versionsOf(networkPlan(environment, deps.workspacePolicy())).catch(() => undefined)
  return async () => {
    const policy = (await readPolicy(deps.db, id)) ?? environment.policy
    const brokered = (await listSecrets(deps.db, id)).flatMap(({ name, host }) => (host ? [{ name, host }] : []))
    const plan = networkPlan({ policy, brokered }, deps.workspacePolicy())
    const granted = await versionsOf(plan)
    return granted === (await atStart) ? plan : { ...plan, granted }
  }
}

export type CredentialReaderDeps = Pick<RunnerDeps, 'db' | 'keyring'> & {
  /** Whose brokered secrets count as credentials, too. */
  environmentId: string
  /** Waits while the database is away. */
  write: <T>(work: () => Promise<T>) => Promise<T>
  /** Tells people what is missing. */
  note: (message: string) => Promise<void>
}

/** Reads the credentials that rules name; of those that are not there, people are told. */
export const credentialReader =
  ({ environmentId, write, note, ...deps }: CredentialReaderDeps) =>
  async (names: readonly string[]): Promise<Record<string, Credential>> => {
    const found = await write(() => openCredentials(deps, { names, environmentId })).catch(
      asFailure('network-unavailable'),
    )
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
