// How often somebody may try at the door.

import type { Context } from 'hono'
import { hashOf } from '../domain/access/secret-text.ts'
import { clientOf, createAddressOf } from './client-address.ts'
import { RateLimit, refuseFor } from './rate-limit.ts'

const MINUTE = 60_000
const FAILED_SECRETS = { most: 100, windowMs: 5 * MINUTE }
const SIGN_INS_OF_ADDRESS = { most: 60, windowMs: 5 * MINUTE }
const SIGN_INS_OF_ACCOUNT = { most: 20, windowMs: 5 * MINUTE }
/** A program asks every five seconds. */
const POLLS_OF_DEVICE = { most: 120, windowMs: 5 * MINUTE }
const CODES_OF_ACCOUNT = { most: 20, windowMs: 5 * MINUTE }
const MAX_GOOD = 10_000

export type Gate = {
  addressOf: (c: Context) => string | undefined
  /**
   * Looks who a token or session speaks for, and says where it came from to what looks. An address that failed too often is asked nothing more of, but for those that
   * were good before: nobody is locked out by who shares their address.
   */
  lookUp: <T>(
    c: Context,
    secret: string,
    find: (address: string | undefined) => Promise<T | undefined>,
  ) => Promise<T | undefined>
  /** Lets an address begin or end a sign-in, or rejects with `rate-limited`. */
  admitAddress: (c: Context) => void
  /** The same for a person, wherever they come from. */
  admitAccount: (c: Context, account: string) => void
  /** Lets a program ask for its token. */
  admitDevice: (c: Context, deviceCode: string) => void
  /** Lets a person try a short code: these could be guessed. */
  admitCode: (c: Context, account: string) => void
}

export function createGate(trustedProxies: readonly string[]): Gate {
  const addressOf = createAddressOf(trustedProxies)
  const [failed, ofAddress] = [new RateLimit(FAILED_SECRETS), new RateLimit(SIGN_INS_OF_ADDRESS)]
  const ofAccount = new RateLimit(SIGN_INS_OF_ACCOUNT)
  const [ofDevice, codes] = [new RateLimit(POLLS_OF_DEVICE), new RateLimit(CODES_OF_ACCOUNT)]
  const good = new Set<string>()
  const admit = (c: Context, limit: RateLimit, key: string) => {
    const seconds = limit.wait(key)
    if (seconds > 0) refuseFor(c, seconds)
    limit.count(key)
  }
  return {
    addressOf,
    lookUp: async (c, secret, find) => {
      const [address, digest] = [addressOf(c), hashOf(secret).toString('base64')]
      const client = address === undefined ? undefined : clientOf(address)
      const seconds = client === undefined || good.has(digest) ? 0 : failed.wait(client)
      if (seconds > 0) refuseFor(c, seconds)
      const found = await find(address)
      if (found !== undefined) remember(good, digest)
      else {
        good.delete(digest)
        if (client !== undefined) failed.count(client)
      }
      return found
    },
    admitAddress: (c) => {
      const address = addressOf(c)
      if (address !== undefined) admit(c, ofAddress, clientOf(address))
    },
    admitAccount: (c, account) => admit(c, ofAccount, account),
    admitDevice: (c, deviceCode) => admit(c, ofDevice, hashOf(deviceCode).toString('base64')),
    admitCode: (c, account) => admit(c, codes, account),
  }
}

/** The last used stay. */
function remember(good: Set<string>, digest: string): void {
  good.delete(digest)
  good.add(digest)
  const [oldest] = good
  if (good.size > MAX_GOOD && oldest !== undefined) good.delete(oldest)
}
