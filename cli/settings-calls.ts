import type { Caller } from './client.ts'

export type SettingsJson = Readonly<Record<string, unknown>>

/** What administrators set for the whole installation. */
export function settingsCalls(call: Caller, signal: AbortSignal) {
  const json = async (request: Parameters<Caller>[0]) => (await (await call(request, signal)).json()) as SettingsJson
  return {
    readSettings: () => json({ path: '/settings' }),
    updateSettings: (body: SettingsJson) => json({ method: 'PATCH', path: '/settings', body }),
  }
}
