// The page where a signed-in person lets a program in. The code is typed, never part of a link: nobody can send one to who
// only has to click.

import { z } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { Principal } from '../../domain/access/principal.ts'
import { findUserBySession } from '../../domain/access/sessions.ts'
import { forbidden } from '../../domain/errors.ts'
import { confirmDevice, denyDevice, findDevice } from '../../domain/sign-in/device-codes.ts'
import { listSignInProviders } from '../../domain/sign-in/providers.ts'
import { newRouter } from '../context.ts'
import type { ApiDeps, ApiEnv } from '../context.ts'
import type { Gate } from '../gate.ts'
import { assertSignedInLately } from '../make-token.ts'
import { defineRoute } from '../route.ts'
import { problems } from '../schemas/common.ts'
import { SESSION_COOKIE, readCookie } from '../sign-in/cookies.ts'
import { codePage, confirmPage, endPage, signInPage } from '../sign-in/device-page.ts'
import type { Markup } from '../sign-in/page.ts'

export const DEVICE_PAGE = '/device'

const page = (description: string) => ({
  200: { description, content: { 'text/html': { schema: z.string() } } },
  ...problems,
})
const CodeSchema = z.object({ user_code: z.string().max(100).default('') })
const request = { body: { required: true, content: { 'application/x-www-form-urlencoded': { schema: CodeSchema } } } }

const open = defineRoute({
  method: 'get',
  path: DEVICE_PAGE,
  needs: 'nobody',
  responses: page('Where a person types the code of a program'),
})
const look = defineRoute({
  method: 'post',
  path: DEVICE_PAGE,
  needs: { scope: 'write' },
  audit: 'none',
  request,
  responses: page('Who asks, from where, and for what'),
})
const confirm = defineRoute({
  method: 'post',
  path: `${DEVICE_PAGE}/confirm`,
  needs: { scope: 'write' },
  audit: 'device.confirm',
  request,
  responses: page('The program gets a token of this person'),
})
const deny = defineRoute({
  method: 'post',
  path: `${DEVICE_PAGE}/deny`,
  needs: { scope: 'write' },
  audit: 'device.deny',
  request,
  responses: page('The program gets none'),
})

export function devicePageRoutes(deps: ApiDeps, gate: Gate) {
  const { db } = deps
  return newRouter(deps)
    .openapi(open, async (c) => {
      const cookie = readCookie(c, SESSION_COOKIE)
      const principal = cookie && (await gate.lookUp(c, cookie, () => findUserBySession(db, cookie)))
      if (principal && principal.signedInLately === true) return c.html(codePage(principal), 200)
      const on = (await listSignInProviders(db)).filter(({ enabled }) => enabled)
      const links = on.map(({ name, displayName }) => ({
        href: `/auth/sign-in/${name}?return=${DEVICE_PAGE}`,
        text: `Sign in with ${displayName}`,
      }))
      return c.html(signInPage(links), 200)
    })
    .openapi(look, async (c) => {
      const principal = personOf(c)
      const { user_code: userCode } = c.req.valid('form')
      const offer = await findDevice(db, principal, userCode)
      return answer(c, principal, offer && confirmPage(principal, { userCode, offer }))
    })
    .openapi(confirm, async (c) => {
      const principal = personOf(c)
      const isDone = await confirmDevice(db, principal, c.req.valid('form').user_code)
      return answer(c, principal, isDone && endPage(true))
    })
    .openapi(deny, async (c) => {
      const principal = personOf(c)
      const isDone = await denyDevice(db, principal, c.req.valid('form').user_code)
      return answer(c, principal, isDone && endPage(false))
    })

  /** Somebody in a browser, who has just signed in and does not guess. */
  function personOf(c: Context<ApiEnv>): Principal & { sessionId: string } {
    const principal = c.get('principal')
    const { sessionId } = principal
    if (sessionId === undefined) throw forbidden()
    assertSignedInLately(principal)
    gate.admitCode(c, principal.userId)
    return { ...principal, sessionId }
  }
}

/** What was done, or the page for another try. */
const answer = (c: Context<ApiEnv>, principal: Principal, done: Markup | false | undefined) =>
  c.html(done || codePage(principal, true), 200)
