// A program without a browser asks for a token: it keeps a long code and shows a short one, which a person types into a page
// where they are signed in (RFC 8628).

import { randomInt } from 'node:crypto'
import { and, eq, gt, isNull, lt, sql } from 'drizzle-orm'
import { SCOPES } from '../access/principal.ts'
import type { Principal, Scope } from '../access/principal.ts'
import { hashOf, randomSecret } from '../access/secret-text.ts'
import { findLiveSession } from '../access/sessions.ts'
import { insertToken } from '../access/tokens.ts'
import type { TokenView } from '../access/tokens.ts'
import type { AuditAction } from '../audit/actions.ts'
import { recordAudit } from '../audit/record.ts'
import type { Db, Executor } from '../db.ts'
import { forbidden } from '../errors.ts'
import { deviceCodes } from '../schema/device-codes.ts'

/** How long a person may take to confirm, and a program to ask for the token. */
export const DEVICE_MINUTES = 10
const TOKEN_DAYS = 90
const DAY = 24 * 60 * 60 * 1000
// No words come of consonants, and none of these is taken for another: 34 bits in eight of them.
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ'
const CODE_LENGTH = 8

export type DeviceAsk = { client: string; address: string | undefined; scopes: readonly Scope[] }
/** What a program would get of this person. */
export type DeviceOffer = { client: string; address: string | null; createdAt: Date; token: OfferedToken }
type OfferedToken = Pick<TokenView, 'scopes' | 'permissions'> & { expiresAt: Date }
export type Redeemed = { kind: 'waiting' } | { kind: 'denied' } | { kind: 'made'; token: string; view: TokenView }

/** Begins. Both codes are returned here and nowhere else. Clears away those that are over. */
export async function beginDevice(db: Executor, ask: DeviceAsk): Promise<{ deviceCode: string; userCode: string }> {
  const [deviceCode, userCode] = [randomSecret(), randomUserCode()]
  await db.delete(deviceCodes).where(lt(deviceCodes.expiresAt, sql`now()`))
  await db.insert(deviceCodes).values({
    ...{ hash: hashOf(deviceCode), userCodeHash: hashOf(lettersOf(userCode)), client: ask.client },
    ...{ address: ask.address ?? null, scopes: [...ask.scopes] },
    expiresAt: sql`now() + make_interval(mins => ${DEVICE_MINUTES}::int)`,
  })
  return { deviceCode, userCode }
}

/** What the program of a code asks for, as this person could give it. Undefined: no program waits for this code. */
export async function findDevice(db: Executor, by: Principal, userCode: string): Promise<DeviceOffer | undefined> {
  const [row] = await db.select().from(deviceCodes).where(isWaiting(userCode))
  return row && { client: row.client, address: row.address, createdAt: row.createdAt, token: offerOf(by, row.scopes) }
}

/** Gives the program of a code a token of this person, for it to fetch. False: no program waits for this code. */
export async function confirmDevice(db: Db, by: Principal & { sessionId: string }, userCode: string): Promise<boolean> {
  const found = await findDevice(db, by, userCode)
  if (found === undefined) return false
  const { scopes, permissions, expiresAt: tokenExpiresAt } = found.token
  const set = { sessionId: by.sessionId, scopes, permissions, tokenExpiresAt }
  return answer(db, by, { userCode, action: 'device.confirm', set })
}

/** Tells the program of a code no. False: no program waits for this code. */
export async function denyDevice(db: Db, by: Principal, userCode: string): Promise<boolean> {
  return answer(db, by, { userCode, action: 'device.deny', set: { denied: true } })
}

/** The token for a program, once somebody has confirmed: once. Undefined: the code is unknown, used or over. */
export async function redeemDevice(
  db: Db,
  { deviceCode, address }: { deviceCode: string; address: string | undefined },
): Promise<Redeemed | undefined> {
  return db.transaction(async (tx) => {
    const isIt = eq(deviceCodes.hash, hashOf(deviceCode))
    const isOpen = gt(deviceCodes.expiresAt, sql`now()`)
    const [row] = await tx.select().from(deviceCodes).where(and(isIt, isOpen)).for('update')
    if (row === undefined) return undefined
    const { denied, sessionId, client: name, scopes, permissions, tokenExpiresAt: expiresAt } = row
    if (!denied && sessionId === null) return { kind: 'waiting' }
    await tx.delete(deviceCodes).where(isIt)
    if (denied || sessionId === null) return { kind: 'denied' }
    const person = await findLiveSession(tx, sessionId)
    if (person === undefined) return undefined
    const by = { ...person, sessionId, address }
    const made = await insertToken(tx, { by, userId: person.userId, name, scopes, permissions, expiresAt })
    return { kind: 'made', ...made }
  })
}

type Answer = {
  userCode: string
  action: Extract<AuditAction, `device.${string}`>
  set: Partial<typeof deviceCodes.$inferInsert>
}

async function answer(db: Db, by: Principal, { userCode, action, set }: Answer): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [row] = await tx.update(deviceCodes).set(set).where(isWaiting(userCode)).returning()
    if (row === undefined) return false
    const { hash, client: name, address, scopes } = row
    const target = { kind: 'device', id: hash.toString('hex').slice(0, 16), name }
    await recordAudit(tx, { by, action, target, after: { address, scopes } })
    return true
  })
}

/** Nobody has answered yet, and there is time to. */
const isWaiting = (userCode: string) =>
  and(
    eq(deviceCodes.userCodeHash, hashOf(lettersOf(userCode))),
    eq(deviceCodes.denied, false),
    isNull(deviceCodes.sessionId),
    gt(deviceCodes.expiresAt, sql`now()`),
  )

/** No more than the session has, and no longer. Rejects with `forbidden` where nothing is left. */
function offerOf(by: Principal, asked: readonly Scope[]): OfferedToken {
  const scopes = SCOPES.filter((scope) => asked.includes(scope) && by.scopes.includes(scope))
  if (scopes.length === 0) throw forbidden()
  const end = Math.min(Date.now() + TOKEN_DAYS * DAY, by.expiresAt?.getTime() ?? Infinity)
  return { scopes, permissions: by.isLimited === true ? [...by.permissions] : null, expiresAt: new Date(end) }
}

function randomUserCode(): string {
  const letters = Array.from({ length: CODE_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('')
  return `${letters.slice(0, CODE_LENGTH / 2)}-${letters.slice(CODE_LENGTH / 2)}`
}

/** A code as it is compared: people type it in their way. */
const lettersOf = (userCode: string) => userCode.toUpperCase().replace(/[^A-Z]/g, '')
