/** A row that is pointed to does not exist. */
export const FOREIGN_KEY_VIOLATION = '23503'
/** A row with that key exists already. */
export const UNIQUE_VIOLATION = '23505'

/** The SQLSTATE of a failed statement. drizzle wraps the driver's error as the cause. */
export function sqlState(error: unknown): unknown {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}
