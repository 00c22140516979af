import { grantVersions } from '../domain/credentials/grant-versions.ts'
import type { Db } from '../domain/db.ts'
import { localGrants } from '../domain/providers/grant.ts'
import type { Keyring } from '../domain/secrets/keyring.ts'
import { readSettings } from '../domain/settings/settings.ts'
import type { LocalAccess } from '../sandbox-policy/control.ts'
import { periodically } from './periodically.ts'

const LOOK_EVERY_MS = 2000

export type LocalAccessDeps = {
  db: Db
  keyring: Keyring
  /** In force when it resolves, and after each restart of the gateway, which it starts. */
  serve: (access: LocalAccess, signal: AbortSignal) => Promise<void>
  onError: (error: unknown) => void
}

/**
 * Lets people's own tools reach the models that they may: the default provider of each wire, as it is now and as it will be.
 * The gateway is kept up for them from the first provider on, also while no sandbox runs. Gives its end.
 */
export function keepLocalAccess({ db, keyring, serve, onError }: LocalAccessDeps): () => Promise<void> {
  const over = new AbortController()
  let served: string | undefined
  const work = async () => {
    const { localUse } = await readSettings(db)
    // Read before the grants: what changes meanwhile is seen the next time.
    const version = localUse ? await grantVersions(db, { credentials: [], provider: null }) : ''
    if (version === served) return
    const providers = localUse ? await localGrants(db, keyring) : []
    if (providers.length === 0 && served === undefined) return
    await serve({ providers }, over.signal)
    served = version
  }
  const onFault = (error: unknown) => {
    if (!over.signal.aborted) onError(error)
  }
  const done = periodically({ everyMs: LOOK_EVERY_MS, work, onError: onFault }, over.signal)
  return async () => {
    over.abort()
    await done
  }
}
