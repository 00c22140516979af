import { and, eq, gt, lt, sql } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { hashOf, randomSecret } from '../access/secret-text.ts'
import { signInAttempts } from '../schema/sign-in.ts'

/** How long somebody may take at the issuer. */
export const ATTEMPT_MINUTES = 10

export type SignInAttempt = { providerId: string; returnTo: string }

/** Begins a sign-in. Its secret is returned here and nowhere else. Clears away those that nobody went on with. */
export async function beginAttempt(db: Executor, attempt: SignInAttempt): Promise<string> {
  const secret = randomSecret()
  await db.delete(signInAttempts).where(lt(signInAttempts.expiresAt, sql`now()`))
  const expiresAt = sql`now() + make_interval(mins => ${ATTEMPT_MINUTES}::int)`
  await db.insert(signInAttempts).values({ ...attempt, hash: hashOf(secret), expiresAt })
  return secret
}

/** Takes the sign-in that a secret belongs to: once, of that provider, and while it is not over. */
export async function takeAttempt(
  db: Executor,
  { secret, providerId }: { secret: string; providerId: string },
): Promise<SignInAttempt | undefined> {
  const [row] = await db
    .delete(signInAttempts)
    .where(
      and(
        eq(signInAttempts.hash, hashOf(secret)),
        eq(signInAttempts.providerId, providerId),
        gt(signInAttempts.expiresAt, sql`now()`),
      ),
    )
    .returning({ providerId: signInAttempts.providerId, returnTo: signInAttempts.returnTo })
  return row
}
