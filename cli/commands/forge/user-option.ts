import type { Client } from '../../client.ts'
import { findUser } from '../../resolve-name.ts'

/** For administrators of members. */
export const USER_OPTION = {
  user: { type: 'string', value: 'USER', help: 'somebody else: an id, a name or an e-mail' },
} as const

/** Whom `--user` names; undefined for oneself. */
export const namedUser = async (client: Client, { user }: { user?: string | undefined }) =>
  user === undefined ? undefined : findUser(client, user)
