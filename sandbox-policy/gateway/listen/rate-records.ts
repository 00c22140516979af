import type { Layer } from '../../ledger.ts'
import type { Session } from '../session.ts'

const EVERY_MS = 1_000

/** Records that a sandbox was over one of its limits: once a second and layer, so that a flood does not fill the ledger. */
export function createRateRecords(now: () => number = Date.now): (session: Session, layer: Layer) => void {
  const last = new WeakMap<Session, Map<Layer, number>>()
  return (session, layer) => {
    const layers = last.get(session) ?? new Map<Layer, number>()
    last.set(session, layers)
    const before = layers.get(layer)
    if (before !== undefined && now() - before < EVERY_MS) return
    layers.set(layer, now())
    void session.deny({ layer }, 'rate')
  }
}
