import type { AppliedJson, ApplyJson, EnvironmentPlanJson } from '../api/schemas/environment-file.ts'
import type { Caller } from './client.ts'
import { segment } from './segment.ts'

/** Environments as code. */
export function environmentFileCalls(call: Caller, signal: AbortSignal) {
  const path = (id: string, what: string) => `/environments/${segment(id)}/${what}`
  return {
    planEnvironment: async (id: string) =>
      (await (await call({ method: 'POST', path: path(id, 'plan') }, signal)).json()) as EnvironmentPlanJson,
    applyEnvironment: async (id: string, body: ApplyJson) =>
      (await (await call({ method: 'POST', path: path(id, 'apply'), body }, signal)).json()) as AppliedJson,
    exportEnvironment: async (id: string) => (await call({ path: path(id, 'export') }, signal)).text(),
  }
}
