import { environmentVersions } from '../../domain/environments/versions.ts'
import type { RunnerDeps } from '../runner-deps.ts'
import { environmentVersion } from './take-warm.ts'
import { WarmPool } from './warm-pool.ts'

/** The pool of a runner. */
export function makeWarmPool({ db, engine, hostId, networks, checkOut, warmBounds, logger }: RunnerDeps): WarmPool {
  return new WarmPool({
    ...{ networks, checkOut, logger },
    installation: hostId,
    createSandbox: engine.createSandbox,
    bounds: warmBounds,
    async versions(ids) {
      const found = await environmentVersions(db, ids)
      return new Map(found.map((each) => [each.id, environmentVersion(each)]))
    },
  })
}
