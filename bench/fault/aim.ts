import { watch } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { SqlClient } from '../../domain/db.ts'
import { look } from './look.ts'
import type { Origins, Target } from './look.ts'
import type { World } from './world.ts'

/** How long after a phase was seen to begin the kill may come: about as long as the phase takes. */
const SPREAD_MS = { queue: 60, sandbox: 250, checkout: 80, setup: 900, agent: 900, collect: 80 } as const

export type AimDeps = { client: SqlClient; world: World; origins: Origins; random: () => number }

/** Resolves at a moment that is, as far as can be seen from outside, inside the target. Gives up with the signal. */
export async function aim(target: Target, deps: AimDeps, signal: AbortSignal): Promise<void> {
  if (target === 'pull request') return untilPullRequest(deps.world, signal)
  if (target === 'between push and record') return untilPush(deps.world, signal)
  while (!signal.aborted) {
    const sights = await look(deps.client, deps.origins)
    if (sights.some(({ at }) => at === target)) {
      await delay(deps.random() * SPREAD_MS[target])
      return
    }
    await delay(5)
  }
}

function untilPullRequest(world: World, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    world.onPullRequest(resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** A branch comes into being when its lock file is renamed; what pushed it learns that a few milliseconds later. */
function untilPush({ origin, forgeOrigin }: World, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const watchers = [origin, forgeOrigin].map((bare) =>
      watch(join(bare, 'refs/heads/drydock'), (_, name) => {
        if (name !== null && !name.endsWith('.lock')) done()
      }),
    )
    const done = () => {
      for (const watcher of watchers) watcher.close()
      resolve()
    }
    signal.addEventListener('abort', done, { once: true })
  })
}
