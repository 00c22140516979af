import type { SecretChangeJson, SecretJson, SetSecretJson } from '../api/schemas/secret.ts'
import type { Caller } from './client.ts'
import { segment } from './segment.ts'

/** What people ask about the secrets of an environment. */
export function secretCalls(call: Caller, signal: AbortSignal) {
  const json = async <T>(request: Parameters<Caller>[0]) => (await (await call(request, signal)).json()) as T
  const secrets = (environment: string) => `/environments/${segment(environment)}/secrets`
  return {
    setSecret: (environment: string, name: string, body: SecretChangeJson) =>
      json<SetSecretJson>({ method: 'PUT', path: `${secrets(environment)}/${segment(name)}`, body }),
    listSecrets: (environment: string) => json<{ data: SecretJson[] }>({ path: secrets(environment) }),
    deleteSecret: async (environment: string, name: string) => {
      await call({ method: 'DELETE', path: `${secrets(environment)}/${segment(name)}` }, signal)
    },
  }
}
