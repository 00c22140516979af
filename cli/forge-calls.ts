import type { ForgeLoginJson, NewForgeLoginJson } from '../api/schemas/forge-login.ts'
import type { Caller } from './client.ts'
import { jsonCaller } from './json-caller.ts'
import { segment } from './segment.ts'

/** Who the person is on forges. */
export function forgeCalls(call: Caller, signal: AbortSignal) {
  const path = '/me/forge-logins'
  const json = jsonCaller(call, signal)
  return {
    linkForgeLogin: (body: NewForgeLoginJson) => json<ForgeLoginJson>({ method: 'PUT', path, body }),
    listForgeLogins: () => json<{ data: ForgeLoginJson[] }>({ path }),
    unlinkForgeLogin: async (host: string) =>
      void (await call({ method: 'DELETE', path: `${path}/${segment(host)}` }, signal)),
  }
}
