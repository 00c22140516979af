import { eq } from 'drizzle-orm'
import type { Executor } from '../db.ts'
import { environments } from '../schema.ts'

/** The policies of an environment as of this moment, also of a deleted one; undefined when there is no such row. */
export async function readPolicy(db: Executor, environmentId: string) {
  const [row] = await db
    .select({ policy: environments.policy })
    .from(environments)
    .where(eq(environments.id, environmentId))
  return row?.policy
}
