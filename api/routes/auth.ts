import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { endSessionOf, endSessionsOf } from '../../domain/access/sessions.ts'
import { findUser } from '../../domain/access/users.ts'
import { DrydockError, forbidden, hasCode } from '../../domain/errors.ts'
import { readSettings } from '../../domain/settings/settings.ts'
import { ATTEMPT_MINUTES } from '../../domain/sign-in/attempts.ts'
import { listSignInProviders, readClientSecret } from '../../domain/sign-in/providers.ts'
import { tokenOf } from '../authenticate.ts'
import { newRouter, requireKeyring } from '../context.ts'
import type { ApiDeps } from '../context.ts'
import type { Gate } from '../gate.ts'
import { defineRoute } from '../route.ts'
import { json, problems } from '../schemas/common.ts'
import {
  OfferedProvidersSchema,
  ProviderParam,
  SignedInSchema,
  TokenSignInSchema,
  isProviderName,
} from '../schemas/sign-in.ts'
import { ATTEMPT_COOKIE, SESSION_COOKIE, clearCookie, readCookie, setCookie } from '../sign-in/cookies.ts'
import { createOpenId } from '../sign-in/open-id.ts'
import { assertOwnOrigin, ownUrl } from '../sign-in/origin.ts'
import { returnPath } from '../sign-in/return-path.ts'
import { beginSignIn, finishSignIn, noteSignIn, startSession } from '../sign-in/story.ts'
import type { Browser } from '../sign-in/story.ts'

const MINUTE_SECONDS = 60

const offered = defineRoute({
  method: 'get',
  path: '/auth/providers',
  needs: 'nobody',
  responses: { 200: json('Where one may sign in', OfferedProvidersSchema), ...problems },
})
const begin = defineRoute({
  method: 'get',
  path: '/auth/sign-in/{provider}',
  needs: 'nobody',
  request: { params: ProviderParam, query: z.object({ return: z.string().max(10_000).optional() }) },
  responses: { 302: { description: 'To the issuer; afterwards to "return", a path of this server' }, ...problems },
})
const callback = defineRoute({
  method: 'get',
  path: '/auth/callback/{provider}',
  needs: 'nobody',
  request: { params: ProviderParam },
  responses: { 302: { description: 'Signed in, back to where one wanted to go' }, ...problems },
})
const signOut = defineRoute({
  method: 'post',
  path: '/auth/sign-out',
  needs: 'nobody',
  audit: 'none',
  responses: { 204: { description: 'This browser is signed out' }, ...problems },
})
const signOutEverywhere = defineRoute({
  method: 'post',
  path: '/auth/sign-out-everywhere',
  needs: { scope: 'write' },
  audit: 'user.sign-out',
  responses: { 204: { description: 'All browsers of this person are signed out; tokens stay' }, ...problems },
})
const withToken = defineRoute({
  method: 'post',
  path: '/auth/session',
  needs: 'nobody',
  audit: 'sign-in',
  request: { body: { required: false, content: { 'application/json': { schema: TokenSignInSchema } } } },
  responses: { 201: json('Signed in as the person of a token, within what it may do', SignedInSchema), ...problems },
})

/** Signing in and out in a browser. */
export function authRoutes(deps: ApiDeps, gate: Gate) {
  const { db } = deps
  const openId = createOpenId({
    secretOf: (id) => readClientSecret(db, requireKeyring(deps), id),
    loopbackIssuers: deps.loopbackIssuers ?? false,
  })
  const redirectUri = (c: Context, provider: string) => `${ownUrl(deps, c)}/auth/callback/${provider}`
  return newRouter(deps)
    .openapi(offered, async (c) => {
      const on = (await listSignInProviders(db)).filter(({ enabled }) => enabled)
      return c.json({ data: on.map(({ name, displayName }) => ({ id: name, name: displayName })) }, 200)
    })
    .openapi(begin, async (c) => {
      gate.admitAddress(c)
      const provider = providerName(c.req.valid('param').provider)
      const returnTo = returnPath(c.req.valid('query').return)
      const asked = { provider, returnTo, redirectUri: redirectUri(c, provider) }
      const { secret, url } = await beginSignIn({ db, openId }, asked)
      setCookie(c, ATTEMPT_COOKIE, { secret, seconds: ATTEMPT_MINUTES * MINUTE_SECONDS })
      return c.redirect(url.href, 302)
    })
    .openapi(callback, async (c) => {
      gate.admitAddress(c)
      const provider = providerName(c.req.valid('param').provider)
      const secret = readCookie(c, ATTEMPT_COOKIE)
      clearCookie(c, ATTEMPT_COOKIE)
      return ending(c, provider, async (browser) => {
        const came = new URL(redirectUri(c, provider) + new URL(c.req.url).search)
        const admitAccount = (account: string) => gate.admitAccount(c, account)
        const person = await finishSignIn({ db, openId }, { provider, secret, callback: came, admitAccount })
        const by = { providerId: person.providerId }
        const { id: sessionId } = await giveSession(c, { userId: person.userId, by, browser })
        return { ...person, sessionId, answer: c.redirect(person.returnTo, 302) }
      })
    })
    .openapi(signOut, async (c) => {
      assertOwnOrigin(deps, c)
      const secret = readCookie(c, SESSION_COOKIE)
      if (secret !== undefined) await endSessionOf(db, secret)
      clearCookie(c, SESSION_COOKIE)
      return c.body(null, 204)
    })
    .openapi(signOutEverywhere, async (c) => {
      const principal = c.get('principal')
      await endSessionsOf(db, principal, principal)
      clearCookie(c, SESSION_COOKIE)
      return c.body(null, 204)
    })
    .openapi(withToken, async (c) => {
      assertOwnOrigin(deps, c)
      gate.admitAddress(c)
      const token = tokenOf(c) ?? c.req.valid('json').token
      return ending(c, 'token', async (browser) => {
        const person = await personOf(c, token)
        const by = { tokenId: person.tokenId }
        const { id: sessionId } = await giveSession(c, { userId: person.userId, by, browser })
        const { userId } = person
        return { userId, sessionId, isNew: false, answer: c.json({ userId, sessionId }, 201) }
      })
    })

  /** Whoever holds the token: the local administrator, or anybody else. */
  async function personOf(c: Context, token: string | undefined) {
    const found = token && (await gate.lookUp(c, token, (address) => deps.authenticate(token, { address })))
    if (!found) throw new DrydockError('unauthorized', 'Cannot sign in: this token is unknown, expired or revoked')
    const { principal } = found
    gate.admitAccount(c, principal.userId)
    const { kind } = await findUser(db, principal.userId)
    // Service accounts have their tokens, and no browser.
    if (kind !== 'person') throw forbidden()
    return principal
  }

  async function giveSession(c: Context, input: Parameters<typeof startSession>[1]) {
    const session = await startSession(db, input)
    const { sessionMaxMinutes } = await readSettings(db)
    setCookie(c, SESSION_COOKIE, { secret: session.secret, seconds: sessionMaxMinutes * MINUTE_SECONDS })
    return session
  }

  type End<T> = { userId: string; sessionId: string; isNew: boolean; answer: T }

  /** Tells of a sign-in when it is over, whichever way. */
  async function ending<T>(c: Context, by: string, work: (browser: Browser) => Promise<End<T>>): Promise<T> {
    const address = gate.addressOf(c)
    try {
      const session = readCookie(c, SESSION_COOKIE)
      const { answer, ...end } = await work({ address, userAgent: c.req.header('user-agent'), session })
      await noteSignIn(deps, { kind: 'signed-in', by, address, ...end })
      return answer
    } catch (error) {
      if (hasCode(error)) await noteSignIn(deps, { kind: 'refused', by, address, error })
      throw error
    }
  }
}

/** A name that no provider can have is not looked for. */
function providerName(text: string): string {
  if (isProviderName(text)) return text
  throw new DrydockError('sign-in-provider-not-found', 'Cannot sign in: there is no such provider')
}
