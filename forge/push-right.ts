// Who publishes in whose name (R25): people whose login on the forge is linked where the forge lets them push, others where
// the environment lets them.

import { DrydockError, hasCode } from '../domain/errors.ts'
import type { ForgeAccount, ForgeIdentity } from '../domain/people/forge-logins.ts'
import type { RepositoryAddress } from '../domain/repositories/repositories.ts'
import type { Forge, LinkingForge } from './forge.ts'

/** Somebody who publishes, and where they do it. */
export type Publisher = {
  environment: { name: string; publishUnlinked: boolean }
  /** Undefined for who has linked none on that host. */
  account: ForgeAccount | undefined
  forge: Pick<Forge, 'host' | 'pushRight'>
}

/** So long the start of something waits for a forge. */
const START_WAIT_MS = 5000

/** As whom it is published. Rejects with `push-refused`, and like the forge where that does not answer. */
export async function assertMayPublish(
  repository: string,
  { environment, account, forge }: Publisher,
  signal: AbortSignal,
): Promise<ForgeIdentity> {
  const { host } = forge
  if (account === undefined) {
    if (environment.publishUnlinked) return 'unlinked'
    const where = `in environment "${environment.name}" that is for people whose login on ${host} is linked`
    throw refused(repository, `${where}. Link yours with "drydock forge link"`)
  }
  const right = await forge.pushRight(repository, account, signal)
  const { login, id } = account
  if (right === 'push') return { host, login, id }
  if (right === 'none') throw refused(repository, `${host} does not let "${login}" push there`)
  throw refused(
    repository,
    `"${login}" on ${host} is not the account any more that was linked. Link yours again with "drydock forge link"`,
  )
}

/** A forge that may have to be asked by another process. */
export type EarlyPublisher = Omit<Publisher, 'forge'> & { forge: Pick<LinkingForge, 'host' | 'pushRight'> }

/**
 * Says early what `assertMayPublish` would say of each: rejects with `push-refused` where it refuses all. Plain git remotes
 * refuse nobody, and neither does a forge that does not answer: it is asked again before anything is published.
 */
export async function assertMayStart(
  repositories: readonly RepositoryAddress[],
  { forge, ...publisher }: EarlyPublisher,
  signal: AbortSignal,
): Promise<void> {
  const { host, pushRight } = forge
  if (publisher.account !== undefined && pushRight === undefined) return
  const asked = { ...publisher, forge: { host, pushRight: pushRight ?? (async () => 'none' as const) } }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(START_WAIT_MS)])
  let refusal: DrydockError | undefined
  for (const { forge: kind, address } of repositories) {
    if (kind !== 'github') return
    const said = await assertMayPublish(address, asked, limit).catch((error: unknown) => error)
    if (!hasCode(said, 'push-refused')) return signal.throwIfAborted()
    refusal ??= said
  }
  if (refusal !== undefined) throw refusal
}

const refused = (repository: string, why: string) =>
  new DrydockError('push-refused', `Cannot publish to ${repository}: ${why}`)
