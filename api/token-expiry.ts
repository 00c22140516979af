import type { Principal, Scope } from '../domain/access/principal.ts'
import { forbidden } from '../domain/errors.ts'

/**
 * When a token that somebody makes ends. It can do no more than the one that makes it, and does not outlive it: whoever found
 * a token that ends soon must not keep the access. Rejects with `forbidden`.
 */
export function expiryWithin(
  { scopes: own, expiresAt: end }: Principal,
  wanted: { scopes: readonly Scope[]; expiresAt?: string | undefined },
): Date | null {
  if (wanted.scopes.some((scope) => !own.includes(scope))) throw forbidden()
  const expiry = wanted.expiresAt === undefined ? (end ?? null) : new Date(wanted.expiresAt)
  if (end !== undefined && (expiry === null || expiry > end)) throw forbidden()
  return expiry
}
