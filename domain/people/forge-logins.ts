// Who people are on a forge (R25). A token of their own shows it once; the token itself is kept nowhere.

import { and, asc, eq } from 'drizzle-orm'
import { userTarget } from '../access/users.ts'
import type { Actor } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { DrydockError } from '../errors.ts'
import { forgeLogins } from '../schema/forge-logins.ts'
import { UNIQUE_VIOLATION, sqlState } from '../sql-state.ts'

/** An account on a forge. Its number stays; its login can be renamed, and taken by somebody else. */
export type ForgeAccount = { login: string; id: number }
/** As whom something is published on a forge: for the audit log. */
export type ForgeIdentity = (ForgeAccount & { host: string }) | 'unlinked'
export type ForgeLogin = ForgeAccount & { host: string; verifiedAt: Date }

/** A person who acts for themselves. */
type Oneself = Actor & { userId: string }

const columns = {
  host: forgeLogins.host,
  login: forgeLogins.login,
  id: forgeLogins.accountId,
  verifiedAt: forgeLogins.verifiedAt,
}

/**
 * Links an account that a token of the person showed, in place of another one on the same host. Rejects with `login-taken`
 * where it is linked to somebody else.
 */
export async function linkForgeLogin(
  db: Db,
  { by, host, account }: { by: Oneself; host: string; account: ForgeAccount },
): Promise<ForgeLogin> {
  const { login, id } = account
  const set = { login, accountId: id, verifiedAt: new Date() }
  try {
    return await db.transaction(async (tx) => {
      const before = await findForgeLogin(tx, { userId: by.userId, host })
      const [row] = await tx
        .insert(forgeLogins)
        .values({ userId: by.userId, host, ...set })
        .onConflictDoUpdate({ target: [forgeLogins.userId, forgeLogins.host], set })
        .returning(columns)
      if (row === undefined) throw new Error('a login was linked and is not there')
      await recordAudit(tx, {
        by,
        action: 'forge-login.link',
        target: userTarget({ id: by.userId, name: by.name }),
        ...(before && { before: { ...before, host } }),
        after: { login, id, host },
      })
      return row
    })
  } catch (error) {
    if (sqlState(error) !== UNIQUE_VIOLATION) throw error
    const text = `Cannot link "${login}" on ${host}: it is linked to somebody else here, who has to unlink it first`
    throw new DrydockError('login-taken', text, { cause: error })
  }
}

/** Forgets who a person is on a forge. Rejects with `not-found`. */
export async function unlinkForgeLogin(
  db: Db,
  { by, user, host }: { by: Actor; user: { id: string; name: string }; host: string },
): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx
      .delete(forgeLogins)
      .where(isTheirs({ userId: user.id, host }))
      .returning({ login: forgeLogins.login, id: forgeLogins.accountId })
    if (row === undefined) throw new DrydockError('not-found', 'Cannot unlink: no login on this host is linked')
    await recordAudit(tx, { by, action: 'forge-login.unlink', target: userTarget(user), before: { ...row, host } })
  })
}

export async function listForgeLogins(db: Executor, userId: string): Promise<ForgeLogin[]> {
  return db.select(columns).from(forgeLogins).where(eq(forgeLogins.userId, userId)).orderBy(asc(forgeLogins.host))
}

type Whose = { userId: string; host: string }

export async function findForgeLogin(db: Executor, whose: Whose): Promise<ForgeAccount | undefined> {
  const { login, id } = columns
  const [row] = await db.select({ login, id }).from(forgeLogins).where(isTheirs(whose))
  return row
}

const isTheirs = ({ userId, host }: Whose) => and(eq(forgeLogins.userId, userId), eq(forgeLogins.host, host))
