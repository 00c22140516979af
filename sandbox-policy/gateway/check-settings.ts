import { X509Certificate } from 'node:crypto'
import { addressSet } from '../addresses.ts'
import type { GatewaySettings } from '../control.ts'
import { Refused } from './control/refused.ts'

/** Throws Refused for settings that could not be used: they would fail at each connection, long after. */
export function checkSettings(settings: GatewaySettings): void {
  check('forbidden', () => addressSet(settings.forbidden))
  check('hostAddresses', () => addressSet(settings.hostAddresses))
  check('staticHosts', () => addressSet(Object.values(settings.staticHosts).flat()))
  check('upstreamCas', () => settings.upstreamCas.map((pem) => new X509Certificate(pem)))
}

function check(what: keyof GatewaySettings, use: () => unknown): void {
  try {
    use()
  } catch {
    throw new Refused(422, 'invalid', `Cannot apply the settings: "${what}" cannot be read`)
  }
}
