import type { SetUpSource } from '../../domain/environments/cache.ts'
import { buildOwner } from '../../domain/ledger/owner.ts'
import { branchHead } from '../../forge/mirrors.ts'
import type { MirrorView } from '../../forge/mirrors.ts'
import { breachFailure } from '../attempt-context.ts'
import { attemptSettings } from '../attempt-settings.ts'
import { mirrorMounts } from '../checkouts.ts'
import type { Checkouts } from '../checkouts.ts'
import { cleanupStack } from '../cleanup.ts'
import type { CleanupStack } from '../cleanup.ts'
import { connect, setupGrant } from '../connect.ts'
import type { Connection } from '../connect.ts'
import { eachInTurn } from '../each-in-turn.ts'
import { AttemptFailure } from '../failure.ts'
import { openMirror } from '../open-mirror.ts'
import { watchPhase } from '../phases.ts'
import { useBy } from '../secrets/attempt-secrets.ts'
import { credentialReader, followedPlan } from '../read-grants.ts'
import { retryDatabase } from '../retry-database.ts'
import type { RunnerDeps } from '../runner-deps.ts'
import { onNetwork } from '../network/on-network.ts'
import type { SandboxNetwork } from '../network/network.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { placed } from '../workspace/workspace.ts'
import type { AttemptSecrets } from '../secrets/attempt-secrets.ts'
import type { Progress } from '../workspace/workspace.ts'
import { networkService, servicesOf } from '../services/services.ts'
import type { FoundService, StartInput } from '../services/services.ts'
import type { ResolvedImage } from './image.ts'
import { makeSnapshot } from './snapshot.ts'
import { withVersions } from './versions.ts'
import type { KeyParts } from './snapshot-key.ts'

/** What is to be built, and why. */
export type BuildOrder = SetUpSource & {
  image: ResolvedImage
  key: string
  parts: KeyParts
  cause: string
  /** Whose ledger has what set-up asks of the network; undefined: no attempt waits for it, and the environment has it. */
  attempt: { id: string; claim: number } | undefined
}

export type RunBuildDeps = Pick<
  RunnerDeps,
  | 'db'
  | 'engine'
  | 'hostId'
  | 'logger'
  | 'mirrors'
  | 'remoteOf'
  | 'networks'
  | 'images'
  | 'workspacePolicy'
  | 'keyring'
  | 'checkOut'
  | 'settle'
> & {
  /** Something of it could not be removed: a sweep must follow. */
  onLeftover: (error: unknown) => void
}

export type BuildScope = {
  /** The id of the build: its sandbox and its image carry it. */
  build: string
  secrets: AttemptSecrets
  onOutput: Progress
  note: (message: string) => Promise<void>
}

export type Built = { image: string; sizeBytes: number; fromCommit: string }

type Context = {
  order: BuildOrder
  deps: RunBuildDeps
  scope: BuildScope
  cleanup: CleanupStack
  stop: AbortController
}

/**
 * Sets an environment up, from the heads of its repositories' default branches, under its limits, and saves what came of
 * it. Depends on no attempt, so that it may outlive the one that wanted it. Nothing but the image is left when this settles.
 */
export async function runBuild(
  order: BuildOrder,
  deps: RunBuildDeps,
  scope: BuildScope,
  outer: AbortSignal,
): Promise<Built> {
  const { setupMs, noOutputMs } = attemptSettings(order).limits
  const stop = new AbortController()
  const watch = watchPhase({ phase: 'setup', limitMs: setupMs, noOutputMs }, AbortSignal.any([outer, stop.signal]))
  const onOutput: Progress = (stream, chunk) => {
    watch.heard()
    return scope.onOutput(stream, chunk)
  }
  try {
    await using cleanup = cleanupStack()
    return await build({ order, deps, scope: { ...scope, onOutput }, cleanup, stop }, watch.signal)
  } catch (error) {
    // A limit that was breached is why whatever else went wrong did.
    throw watch.signal.aborted ? watch.signal.reason : error
  } finally {
    watch.stop()
  }
}

async function build(context: Context, signal: AbortSignal): Promise<Built> {
  const { order, deps, scope } = context
  const { environment } = order
  const sources = await openSources(context, signal)
  const fromCommit = sources[0].base.commit
  const image = `drydock/snapshot:${environment.id}-${scope.build}`
  const { sizeBytes } = await makeSnapshot(
    {
      installation: deps.hostId,
      environment: { ...environment, setupScript: withVersions(environment.setupScript, environment.versions) ?? '' },
      secrets: scope.secrets.setup,
      folders: sources.map(({ at }) => at.workspace),
      tag: image,
    },
    {
      prepare: (until) => prepare(context, sources, until),
      async settle(sandbox, until) {
        for (const source of sources) await deps.settle({ sandbox, ...source, onOutput: scope.onOutput }, until)
      },
      onOutput: scope.onOutput,
    },
    signal,
  )
  return { image, sizeBytes, fromCommit }
}

/** The heads of the default branches of all repositories, the main one first. Their views are held until the build ends. */
async function openSources({ order, deps, cleanup }: Context, signal: AbortSignal): Promise<Checkouts> {
  const { repository, environment } = order
  return eachInTurn(placed(repository, environment.repositories), async (where) => {
    const view = await openMirror(where, deps, signal)
    cleanup.defer(() => view[Symbol.asyncDispose]())
    return { ...where, view, base: { commit: headOf(view), branch: view.defaultBranch } }
  })
}

async function prepare(context: Context, sources: Checkouts, signal: AbortSignal): Promise<Sandbox> {
  const { order, deps, scope } = context
  const tell = (line: string) => void scope.note(line)
  const onPull = (image: { ref: string; digest: string }) => {
    deps.logger.info({ ...image, build: scope.build }, 'Pulled an image for a service')
    tell(`Pulled ${image.ref}: ${image.digest}`)
  }
  const services = servicesOf({ ...deps, onPull })
  const found = await services.find(order.environment.services, tell, signal)
  const connection = await connectFor(context, found, signal)
  const sandbox = newSandbox(context, { sources, network: connection?.network })
  await sandbox.start(signal)
  const write = <T>(work: () => Promise<T>) => retryDatabase(work, signal)
  await connection?.permit(
    setupGrant({
      readCredentials: credentialReader({ ...deps, use: useOf(context), write, note: scope.note }),
    }),
  )
  if (connection && found.length > 0) await services.start(startInput(context, { connection, found }), signal)
  for (const source of sources) await deps.checkOut({ sandbox, ...source, onOutput: scope.onOutput }, signal)
  return sandbox
}

const useOf = ({ order, deps, scope }: Context) =>
  useBy(deps.hostId, { environmentId: order.environment.id, work: { build: scope.build } })

function startInput(
  { deps, scope, cleanup, stop }: Context,
  { connection, found }: { connection: Connection; found: readonly FoundService[] },
): StartInput {
  return {
    owner: { installation: deps.hostId, build: scope.build },
    found,
    places: connection.network.services,
    // What a service says may be what a script with secrets told it.
    note: (message) => scope.note(scope.secrets.mask.text(message)),
    onBroken: (failure) => stop.abort(failure),
    onLeftover: deps.onLeftover,
    cleanup,
  }
}

/** A network that follows the environment's policy, should set-up reach anything or have services beside it. */
async function connectFor(
  { order, deps, scope, cleanup }: Context,
  services: readonly FoundService[],
  signal: AbortSignal,
): Promise<Connection | undefined> {
  const { environment, attempt } = order
  const { brokered } = scope.secrets
  const plan = followedPlan({ ...environment, brokered }, deps, { environment: environment.id })
  if (plan.current.setup === undefined && services.length === 0) return undefined
  const owner = {
    attempt: attempt ?? { id: buildOwner({ environmentId: environment.id, build: scope.build }), claim: 0 },
  }
  return connect({ job: owner, deps: { ...deps, plan }, cleanup }, { services: services.map(networkService) }, signal)
}

/** Destroyed with the build at the latest; the first limit that it breaches stops the build. */
function newSandbox(
  { order, deps, scope, cleanup, stop }: Context,
  { sources, network }: { sources: Checkouts; network: SandboxNetwork | undefined },
): Sandbox {
  const { resources, limits } = attemptSettings(order)
  const sandbox = deps.engine.createSandbox({
    image: order.image.ref,
    owner: { installation: deps.hostId, build: scope.build },
    resources,
    ...onNetwork(mirrorMounts(sources), network),
    lifetimeMs: 2 * limits.setupMs,
  })
  cleanup.defer(() => sandbox.destroy().catch(deps.onLeftover))
  void sandbox.breached.then((breach) => stop.abort(breachFailure(breach)))
  return sandbox
}

function headOf(view: MirrorView): string {
  const head = branchHead(view, view.defaultBranch)
  if (head) return head
  throw new AttemptFailure('branch-not-found', `Cannot set up: the repository has no branch "${view.defaultBranch}"`)
}
