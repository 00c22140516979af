import type { ForgeLoginJson, NewForgeLoginJson } from '../api/schemas/forge-login.ts'
import type { Caller } from './client.ts'
import { jsonCaller } from './json-caller.ts'
import { segment } from './segment.ts'

/** Who the person is on forges. */
export function forgeCalls(call: Caller, signal: AbortSignal) {
  const path = '/me/forge-logins'
  /** Somebody's own, or by an administrator those of a user id. */
  const of = (user: string | undefined) => (user === undefined ? path : `/users/${segment(user)}/forge-logins`)
  const json = jsonCaller(call, signal)
  return {
    linkForgeLogin: (body: NewForgeLoginJson) => json<ForgeLoginJson>({ method: 'PUT', path, body }),
    listForgeLogins: (user?: string) => json<{ data: ForgeLoginJson[] }>({ path: of(user) }),
    unlinkForgeLogin: async (host: string, user?: string) =>
      void (await call({ method: 'DELETE', path: `${of(user)}/${segment(host)}` }, signal)),
  }
}
