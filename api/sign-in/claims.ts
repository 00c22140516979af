import { z } from 'zod'
import { DrydockError } from '../../domain/errors.ts'
import { isStorable, text } from '../schemas/common.ts'
import type { Claims } from '../../domain/sign-in/people.ts'

const MAX_SUBJECT = 255
const MAX_NAME = 100
const MAX_EMAIL = 254
const MAX_GROUPS = 5000

const Subject = text(MAX_SUBJECT).min(1)
const Email = z.email().max(MAX_EMAIL)

/** What an issuer says of somebody, as far as it counts. Rejects with `sign-in-refused` without a subject to know them by. */
export function readClaims(said: Readonly<Record<string, unknown>>, groupClaim: string | null): Claims {
  const subject = Subject.safeParse(said['sub'])
  if (!subject.success) throw new DrydockError('sign-in-refused', 'Cannot sign in: the issuer does not say who this is')
  // Only the word of the issuer, and only `true` itself, makes an address somebody's (R23).
  const email = said['email_verified'] === true ? Email.safeParse(said['email']).data : undefined
  const name = [said['name'], said['preferred_username'], email].map(lineOf).find((text) => text !== '')
  return {
    subject: subject.data,
    name: name ?? 'Somebody',
    email,
    groups: groupClaim === null ? [] : groupsOf(claimAt(said, groupClaim)),
  }
}

/**
 * A claim by its name, or else by the way to it: `realm_access.roles`. Names that are addresses have dots, too, so the whole
 * name comes first.
 */
function claimAt(said: Readonly<Record<string, unknown>>, name: string): unknown {
  if (Object.hasOwn(said, name)) return said[name]
  const step = (at: unknown, key: string): unknown => (isRecord(at) && Object.hasOwn(at, key) ? at[key] : undefined)
  return name.split('.').reduce<unknown>(step, said)
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** One group may come as a text of its own. */
function groupsOf(claim: unknown): string[] {
  const all: unknown[] = Array.isArray(claim) ? claim : [claim]
  return all.filter((value) => typeof value === 'string').slice(0, MAX_GROUPS)
}

/** One line that a database and a terminal can take. */
function lineOf(value: unknown): string {
  if (typeof value !== 'string' || !isStorable(value)) return ''
  const points = [...value.replace(/[\p{Cc}\p{Cf}]/gu, '').trim()]
  return points.slice(0, MAX_NAME).join('')
}
