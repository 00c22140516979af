// `__Host-`: a browser takes such a cookie over TLS only, for this host alone, and from no neighbour of it. Browsers count
// http://localhost and http://127.0.0.1 as safe.

import type { Context } from 'hono'

export const SESSION_COOKIE = '__Host-drydock'
export const ATTEMPT_COOKIE = '__Host-drydock-sign-in'
type Name = typeof SESSION_COOKIE | typeof ATTEMPT_COOKIE

const SECRET = /^[A-Za-z0-9_-]{43}$/
// Lax: the issuer sends people back from another site.
const FLAGS = 'Path=/; Secure; HttpOnly; SameSite=Lax'

/** The secret in a cookie. None where there are several of the name: who knows which of them is ours. */
export function readCookie(c: Context, name: Name): string | undefined {
  const pairs = (c.req.header('cookie') ?? '').split(';').map((pair) => pair.trim())
  const [value, ...others] = pairs.filter((pair) => pair.startsWith(`${name}=`)).map((p) => p.slice(name.length + 1))
  return value !== undefined && others.length === 0 && SECRET.test(value) ? value : undefined
}

export function setCookie(c: Context, name: Name, { secret, seconds }: { secret: string; seconds: number }): void {
  c.header('set-cookie', `${name}=${secret}; Max-Age=${seconds}; ${FLAGS}`, { append: true })
}

export function clearCookie(c: Context, name: Name): void {
  c.header('set-cookie', `${name}=; Max-Age=0; ${FLAGS}`, { append: true })
}
