import type { SecretChangeJson, SecretJson, SetSecretJson } from '../api/schemas/secret.ts'
import type { Caller } from './client.ts'
import { jsonCaller } from './json-caller.ts'
import { segment } from './segment.ts'

/** What people ask about the secrets of an environment. */
export function secretCalls(call: Caller, signal: AbortSignal) {
  const json = jsonCaller(call, signal)
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
