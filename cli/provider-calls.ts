import type {
  CredentialChangeJson,
  CredentialJson,
  NewProviderJson,
  ProviderChangeJson,
  ProviderJson,
  RewrapJson,
} from '../api/schemas/provider.ts'
import type { Caller } from './client.ts'
import { jsonCaller } from './json-caller.ts'
import { segment } from './segment.ts'

/** What administrators ask about models, credentials and master keys. */
export function providerCalls(call: Caller, signal: AbortSignal) {
  const json = jsonCaller(call, signal)
  const provider = (name: string) => `/providers/${segment(name)}`
  const credential = (name: string) => `/credentials/${segment(name)}`
  return {
    createProvider: (body: NewProviderJson) => json<ProviderJson>({ method: 'POST', path: '/providers', body }),
    listProviders: () => json<{ data: ProviderJson[] }>({ path: '/providers' }),
    readProvider: (name: string) => json<ProviderJson>({ path: provider(name) }),
    updateProvider: (name: string, body: ProviderChangeJson) =>
      json<ProviderJson>({ method: 'PATCH', path: provider(name), body }),
    deleteProvider: async (name: string) => {
      await call({ method: 'DELETE', path: provider(name) }, signal)
    },
    setCredential: (name: string, body: CredentialChangeJson) =>
      json<CredentialJson>({ method: 'PUT', path: credential(name), body }),
    listCredentials: () => json<{ data: CredentialJson[] }>({ path: '/credentials' }),
    deleteCredential: async (name: string) => {
      await call({ method: 'DELETE', path: credential(name) }, signal)
    },
    rewrapKeys: () => json<RewrapJson>({ method: 'POST', path: '/keys/rewrap' }),
  }
}
