import { GIT_HOST, MODEL_HOST } from '../../control.ts'
import type { Reason } from '../../ledger.ts'
import type { Session } from '../session.ts'

const OWN_DOMAIN = 'drydock.internal'

/**
 * Judges the names that the gateway answers for itself: no policy opens them, a grant does. Undefined: not such a name.
 */
export function judgeOwnName(session: Session, name: string): { rule: string } | { reason: Reason } | undefined {
  if (name === MODEL_HOST) return session.model === undefined ? { reason: 'host' } : { rule: 'model' }
  if (name === GIT_HOST) return session.repositories.size === 0 ? { reason: 'host' } : { rule: 'git' }
  return name === OWN_DOMAIN || name.endsWith(`.${OWN_DOMAIN}`) ? { reason: 'self' } : undefined
}
