import { readCredentials } from '../../domain/credentials/credentials.ts'
import type { Db } from '../../domain/db.ts'
import { openSecrets } from '../../domain/environments/secrets.ts'
import type { OpenSecret } from '../../domain/environments/secrets.ts'
import { hasCode } from '../../domain/errors.ts'
import type { Keyring } from '../../domain/secrets/keyring.ts'
import type { FlaggedPath } from '../../domain/tasks/attempt.ts'
import type { Credential } from '../../sandbox-policy/control.ts'
import { tokensOf } from '../../sandbox-policy/secret-forms.ts'
import { AttemptFailure } from '../failure.ts'
import { credentialOf, secretOf } from '../network-plan.ts'
import type { BrokeredSecret } from '../network-plan.ts'
import { secretsInPatch } from './find-in-patch.ts'
import { createMask } from './mask.ts'
import type { Mask } from './mask.ts'
import type { SetupSecret } from './spellings.ts'

/** The secrets of an environment as one attempt uses them: those of its start. */
export type AttemptSecrets = {
  /** What set-up and maintenance find among their variables. */
  setup: readonly SetupSecret[]
  brokered: readonly BrokeredSecret[]
  /** Hides all of them from people. */
  mask: Mask
  /** The files of a patch that hold one of them. */
  findIn: (patch: Buffer) => Promise<FlaggedPath[]>
  /** Why the attempt cannot start: they cannot be opened. */
  failure?: AttemptFailure
}

type SecretDeps = { db: Db; keyring: Keyring }

/** Opens the secrets of an environment for an attempt. */
export async function readSecrets({ db, keyring }: SecretDeps, environmentId: string): Promise<AttemptSecrets> {
  try {
    return attemptSecrets(await openSecrets(db, keyring, environmentId))
  } catch (error) {
    if (!hasCode(error, 'key-unavailable')) throw error
    return {
      ...attemptSecrets([]),
      failure: new AttemptFailure('secrets-unavailable', error.message, { cause: error }),
    }
  }
}

export function attemptSecrets(secrets: readonly OpenSecret[]): AttemptSecrets {
  const values = secrets.flatMap(({ kind, value }) => (kind === 'brokered' ? tokensOf(value) : [value]))
  return {
    setup: secrets.filter(({ kind }) => kind === 'setup'),
    brokered: brokeredOf(secrets),
    mask: createMask(values),
    findIn: (patch) => secretsInPatch(patch, secrets),
  }
}

/** Those that go to a host. */
export const brokeredOf = (secrets: readonly Pick<OpenSecret, 'name' | 'host'>[]): BrokeredSecret[] =>
  secrets.flatMap(({ name, host }) => (host === null ? [] : [{ name, host }]))

/** Opens credentials by name, as they are now: those of rules, and brokered secrets. Absent ones are left out. */
export async function openCredentials(
  { db, keyring }: SecretDeps,
  { names, environmentId }: { names: readonly string[]; environmentId: string },
): Promise<Record<string, Credential>> {
  const ofRules = await readCredentials(
    db,
    keyring,
    names.filter((name) => secretOf(name) === undefined),
  )
  if (Object.keys(ofRules).length === names.length) return ofRules
  const brokered = (await openSecrets(db, keyring, environmentId)).flatMap(({ name, header, value }) =>
    header !== null && names.includes(credentialOf(name)) ? [[credentialOf(name), { header, value }] as const] : [],
  )
  return { ...ofRules, ...Object.fromEntries(brokered) }
}
