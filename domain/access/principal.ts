import type { BuiltInRole, Permission } from './permissions.ts'

/** What a token may be used for: `read` looks, `write` makes and changes tasks, `admin` changes everything else. */
export const SCOPES = ['read', 'write', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** Who looks, as far as it matters for what they see. */
export type Viewer = {
  userId: string
  permissions: ReadonlySet<Permission>
  groupIds: readonly string[]
  /** Folded; absent where nobody has verified it, and then it counts for nothing (R23). */
  verifiedEmail?: string | undefined
}

/** A part of the product that administrators have turned off: tasks, for all but administrators; local use, for everybody. */
export type ClosedPart = 'cloud' | 'local'

/** Who is asking, and with what. */
export type Principal = Viewer & {
  name: string
  email: string
  role: BuiltInRole
  scopes: readonly Scope[]
  /** Of the token, or of the session where they came with one. */
  tokenId: string
  sessionId?: string
  /** Of a session: whether its person has signed in within `FRESH_MINUTES`, and not long ago. */
  signedInLately?: boolean
  /** The token gives some of its person's permissions only. */
  isLimited?: boolean
  /** From where the connection came; absent where nobody could say. */
  address?: string
  closed?: readonly ClosedPart[]
  /** When the token ends; absent for one that does not. */
  expiresAt?: Date
}

/**
 * An e-mail as it is compared. Only ASCII letters fold: Unicode has letters that fold to those of somebody else's address.
 */
export function foldEmail(email: string): string {
  return email.trim().replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}
