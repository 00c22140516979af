import { branchHead } from '../../forge/mirrors.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import { keepSandbox, specWithout } from '../attempt-context.ts'
import type { AttemptContext, SandboxDeps, SandboxInput } from '../attempt-context.ts'
import { connect } from '../connect.ts'
import type { ConnectDeps, Connection } from '../connect.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import type { Base, CheckedOut } from '../workspace/workspace.ts'
import type { Recipe } from './recipe.ts'
import type { WarmPool } from './warm-pool.ts'

export type WarmDeps = SandboxDeps &
  ConnectDeps & {
    warm: Pick<WarmPool, 'want' | 'take' | 'forget'>
  }

type Context = AttemptContext<WarmDeps>
export type Warm = { sandbox: Sandbox; connection: Connection | undefined; left: CheckedOut }

export type Wanted = Omit<SandboxInput, 'network'> & { base: Base; imageId: string; isNetworked: boolean }

/** What the sandbox of an attempt is made from. */
export function recipeOf(context: Context, wanted: Wanted): Recipe {
  const { id, updatedAt, cacheEpoch } = context.job.environment
  return {
    environmentId: id,
    version: environmentVersion({ updatedAt, cacheEpoch }),
    imageId: wanted.imageId,
    spec: specWithout(context, wanted),
    isNetworked: wanted.isNetworked,
    checkout: { view: kept(wanted.view), base: nextBase(wanted) },
  }
}

/** Changes whenever somebody edits the environment or resets its cache. */
export const environmentVersion = ({ updatedAt, cacheEpoch }: { updatedAt: Date; cacheEpoch: number }): string =>
  `${updatedAt.toISOString()} ${cacheEpoch}`

/** A sandbox that waited becomes the attempt's: like one that the attempt made, it goes with it. */
export async function takeWarm(context: Context, recipe: Recipe, signal: AbortSignal): Promise<Warm | undefined> {
  const { deps, cleanup, job } = context
  const ready = await deps.warm.take(recipe)
  if (ready === undefined) return undefined
  // Runs last: until then the sweep leaves alone what carries the label.
  cleanup.defer(() => deps.warm.forget(ready.owner))
  ready.network?.assign(job.attempt.id)
  const connection = ready.network && (await connect(context, { taken: ready.network }, signal))
  return { sandbox: keepSandbox(context, ready.sandbox), connection, left: ready.left }
}

/** Without the hold on the mirror, which must be able to prune. */
const kept = ({ objects, store, refs, defaultBranch, shallow }: MirrorView) => ({
  ...{ objects, store, refs, defaultBranch },
  ...(shallow && { shallow }),
})

function nextBase({ view, base }: Wanted): Base {
  const head = branchHead(view, view.defaultBranch)
  return head ? { commit: head, branch: view.defaultBranch } : base
}
