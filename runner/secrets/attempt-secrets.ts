import type { Actor } from '../../domain/audit/actions.ts'
import { recordAudit } from '../../domain/audit/record.ts'
import type { Transaction } from '../../domain/audit/record.ts'
import { readCredentials } from '../../domain/credentials/credentials.ts'
import type { Db } from '../../domain/db.ts'
import { environmentTarget } from '../../domain/environments/audited.ts'
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

/** For what secrets are opened: the audit log names it, with their names. */
export type SecretUse = { by: Actor; environmentId: string; work: { attempt: string } | { build: string } }

/** Work of a runner's own host. */
export const useBy = (hostId: string, use: Omit<SecretUse, 'by'>): SecretUse => ({
  ...use,
  by: { userId: null, name: `runner ${hostId}` },
})

/** Opens the secrets of an environment for an attempt, or a build. */
export async function readSecrets({ db, keyring }: SecretDeps, use: SecretUse): Promise<AttemptSecrets> {
  try {
    const opened = await db.transaction(async (tx) => {
      const secrets = await openSecrets(tx, keyring, use.environmentId)
      await recordUse(tx, use, { action: 'secret.use', names: secrets.map(({ name }) => name) })
      return secrets
    })
    return attemptSecrets(opened)
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
  names: readonly string[],
  use: SecretUse,
): Promise<Record<string, Credential>> {
  if (names.length === 0) return {}
  return db.transaction(async (tx) => {
    const wanted = names.filter((name) => secretOf(name) === undefined)
    const ofRules = await readCredentials(tx, keyring, wanted)
    const secrets = wanted.length === names.length ? [] : await openSecrets(tx, keyring, use.environmentId)
    const brokered = secrets.filter(({ name, header }) => header !== null && names.includes(credentialOf(name)))
    await recordUse(tx, use, { action: 'credential.use', names: Object.keys(ofRules) })
    await recordUse(tx, use, { action: 'secret.use', names: brokered.map(({ name }) => name) })
    const opened = brokered.map(({ name, header, value }) => [credentialOf(name), { header: header ?? '', value }])
    return { ...ofRules, ...(Object.fromEntries(opened) as Record<string, Credential>) }
  })
}

type Used = { action: 'secret.use' | 'credential.use'; names: string[] }

async function recordUse(tx: Transaction, { by, environmentId, work }: SecretUse, { action, names }: Used) {
  if (names.length === 0) return
  const target = await environmentTarget(tx, environmentId)
  await recordAudit(tx, { by, action, target, after: { ...work, names: names.toSorted() } })
}
