// A sign-in from the first click to its end.

import type { Db } from '../../domain/db.ts'
import { createSession, endSessionOf } from '../../domain/access/sessions.ts'
import type { NewSession } from '../../domain/access/sessions.ts'
import { SERVER } from '../../domain/audit/actions.ts'
import { recordAudit } from '../../domain/audit/record.ts'
import { DrydockError } from '../../domain/errors.ts'
import { beginAttempt, takeAttempt } from '../../domain/sign-in/attempts.ts'
import { admitPerson } from '../../domain/sign-in/people.ts'
import { findEnabledProvider } from '../../domain/sign-in/providers.ts'
import type { Logger } from '../logger.ts'
import { readClaims } from './claims.ts'
import type { OpenId } from './open-id.ts'

export type StoryDeps = { db: Db; openId: OpenId }

/** How a sign-in ended. `by` is the provider's name, or `token`. */
export type SignInEnd = { by: string; address: string | undefined } & (
  | { kind: 'signed-in'; userId: string; sessionId: string; isNew: boolean }
  | { kind: 'refused'; error: DrydockError; userId?: string }
)

/** The browser, as far as it matters who it was and will be. */
export type Browser = {
  address: string | undefined
  userAgent: string | undefined
  /** Of a session that it has already: a new one takes its place. */
  session: string | undefined
}

/** Says where the browser goes, and what it has to bring back. */
export async function beginSignIn(
  { db, openId }: StoryDeps,
  { provider: name, returnTo, redirectUri }: { provider: string; returnTo: string; redirectUri: string },
) {
  const provider = await findEnabledProvider(db, name)
  const secret = await beginAttempt(db, { providerId: provider.id, returnTo })
  return { secret, url: await openId.begin(provider, { secret, redirectUri }) }
}

export type Return = {
  provider: string
  /** What the browser was given at the beginning. */
  secret: string | undefined
  /** Where the issuer sent it, with what it added. */
  callback: URL
  admitAccount: (account: string) => void
}

/** Takes what the browser brings back from the issuer; nothing of it counts twice. Rejects when it is nobody's. */
export async function finishSignIn({ db, openId }: StoryDeps, { provider: name, secret, ...answer }: Return) {
  const provider = await findEnabledProvider(db, name)
  const attempt = secret && (await takeAttempt(db, { secret, providerId: provider.id }))
  if (!attempt) {
    throw new DrydockError('sign-in-expired', 'Cannot sign in: it took too long, or was over already. Begin again')
  }
  const said = await openId.finish(provider, { secret, callback: answer.callback })
  // The issuer took its time: meanwhile somebody may have changed what follows from its word.
  const current = await findEnabledProvider(db, name)
  const claims = readClaims(said, current.groupClaim)
  answer.admitAccount(JSON.stringify([current.issuer, claims.subject]))
  const person = await admitPerson(db, current, claims)
  return { ...person, providerId: current.id, returnTo: attempt.returnTo }
}

/** Gives the browser a session of its own: one that somebody else put there would be theirs, too. */
export async function startSession(
  db: Db,
  { userId, by, browser }: { userId: string; by: NewSession['by']; browser: Browser },
) {
  if (browser.session !== undefined) await endSessionOf(db, browser.session)
  const { address, userAgent } = browser
  return createSession(db, { userId, by, address, userAgent })
}

/**
 * Every sign-in ends here, whichever way. The session has written itself down. Of refusals only those are, in which an
 * issuer vouched for somebody: what anybody may try must not fill the audit log.
 */
export async function noteSignIn({ db, logger }: { db: Db; logger: Logger }, end: SignInEnd): Promise<void> {
  const { kind, by, address } = end
  if (end.kind === 'signed-in') {
    const { userId, sessionId, isNew } = end
    return logger.info({ kind, by, address, userId, sessionId, isNew }, 'sign-in')
  }
  const { error } = end
  logger.info({ kind, by, address, code: error.code, err: error }, 'sign-in')
  if (error.code !== 'sign-in-refused') return
  const target = { kind: 'sign-in-provider', id: by, name: by }
  await db.transaction((tx) =>
    recordAudit(tx, { by: { ...SERVER, address }, action: 'sign-in.refused', target, after: { why: error.message } }),
  )
}
