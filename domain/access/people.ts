import { eq } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { users } from '../schema.ts'

/** The address of a person; null for one that there is not. */
export async function emailOf(db: Executor, userId: string): Promise<string | null> {
  const [row] = await db.select({ email: users.email }).from(users).where(eq(users.id, userId))
  return row?.email ?? null
}
