import { availableParallelism } from 'node:os'
import type { LedgerRecord } from '../../sandbox-policy/ledger.ts'
import { cleanupStack } from '../../runner/cleanup.ts'
import { createNetworks } from '../../runner/network/networks.ts'
import type { SandboxNetwork } from '../../runner/network/network.ts'
import { AttemptFailure } from '../../runner/failure.ts'
import type { Engine } from '../../runner/sandbox/engine.ts'
import type { ExecSpec, Sandbox, SandboxSpec } from '../../runner/sandbox/sandbox.ts'
import type { DataFolder } from '../data-folder.ts'
import { capture, type Captured } from './capture.ts'
import type { SandboxPlan } from './plan.ts'
import { isolationMemory } from './tested.ts'

const RESOURCES = { memoryMiB: 4096, cpus: availableParallelism(), pids: 4096, diskMiB: 20_480 }
/** PID 1 outlives the command by this, for cleaning up. */
const MARGIN_MS = 600_000

export type SandboxRun = Captured & {
  /** Null when the command did not end by itself. */
  exitCode: number | null
  timedOut: boolean
  /** The gateway's address on the sandbox's network. */
  gateway: string | null
  ledger: readonly LedgerRecord[]
  /** Where the time went. */
  ms: { gateway: number; sandbox: number; command: number; end: number }
}

export type RunDeps = {
  engine: Engine
  place: DataFolder
  /** Resolves to a reference that the engine has. */
  image: (name: string) => Promise<string>
  path: string
  onOutput?: ExecSpec['onOutput']
  onLog: (line: string) => void
}

export type FinishedRun = AsyncDisposable & { result: SandboxRun }

/** Runs one command in a fresh sandbox under a policy. What it made is gone when the result is disposed, or it rejects. */
export async function runInSandbox(plan: SandboxPlan, deps: RunDeps, signal: AbortSignal): Promise<FinishedRun> {
  const cleanup = cleanupStack()
  try {
    return { result: await work(plan, { ...deps, defer: cleanup.defer }, signal), ...disposedBy(cleanup) }
  } catch (error) {
    await cleanup[Symbol.asyncDispose]()
    throw error
  }
}

const disposedBy = (cleanup: AsyncDisposable): AsyncDisposable => ({
  [Symbol.asyncDispose]: async () => cleanup[Symbol.asyncDispose](),
})

type Work = RunDeps & { defer: (release: () => Promise<void>) => void }

async function work(plan: SandboxPlan, deps: Work, signal: AbortSignal): Promise<SandboxRun> {
  const lap = laps()
  const ledger = new Map<number, LedgerRecord>()
  // Begun together: looking an image up costs a process.
  const image = deps.image(plan.image)
  image.catch(() => undefined)
  const network = plan.policy && (await openNetwork(plan, { ...deps, ledger }, signal))
  const gateway = lap()
  const sandbox = deps.engine.createSandbox(
    specOf(plan, { image: await image, installation: deps.place.installation, network }),
  )
  deps.defer(() => sandbox.destroy())
  await sandbox.start(signal)
  const started = lap()

  const output = capture(deps.onOutput)
  const ended = await runCommand(sandbox, { plan, onOutput: output.onOutput }, signal)
  const command = lap()
  // Before the ledger: what still runs may add to it.
  await sandbox.destroy()
  await network?.close()
  return {
    ...ended,
    ...output.result(),
    gateway: network?.attachment.dns ?? null,
    ledger: [...ledger.values()].sort((a, b) => a.seq - b.seq),
    ms: { gateway, sandbox: started, command, end: lap() },
  }
}

async function openNetwork(
  plan: SandboxPlan,
  deps: Work & { ledger: Map<number, LedgerRecord> },
  signal: AbortSignal,
): Promise<SandboxNetwork> {
  const { engine, place, defer, ledger, onLog } = deps
  const tell = (fields: object, message: string) => onLog(`${message} ${describe(fields)}`)
  const memory = await isolationMemory(engine, await deps.image('gateway'))
  const networks = createNetworks({
    engine,
    installation: place.installation,
    dataDir: place.path,
    gatewayImage: () => deps.image('gateway'),
    // The last word about an exchange is its final one.
    store: async (records) => records.forEach((record) => ledger.set(record.seq, record)),
    options: () => ({ staticHosts: plan.staticHosts, upstreamCas: plan.upstreamCas }),
    path: deps.path,
    log: { info: () => {}, warn: tell, error: tell },
    // The self-test needs a second one; nothing is made that nobody will use.
    first: (await memory.isKnown()) ? 1 : 2,
    ready: { least: 0, most: 2 },
    memory,
  })
  defer(async () => networks[Symbol.asyncDispose]())
  const network = await networks.take({ attempt: null, claim: 1 }, signal)
  defer(() => network.close())
  if (plan.policy) await network.permit({ phase: 'agent', policy: { policy: plan.policy } })
  return network
}

function describe(fields: object): string {
  const { err } = fields as { err?: unknown }
  return err instanceof Error ? err.message : ''
}

type SpecInput = { image: string; installation: string; network: SandboxNetwork | undefined }

function specOf(plan: SandboxPlan, { image, installation, network }: SpecInput): SandboxSpec {
  return {
    image,
    owner: { installation, attempt: installation, claim: 1 },
    resources: RESOURCES,
    mounts: network?.mounts ?? [],
    ...(network && { network: network.attachment, env: network.env }),
    gitOptional: true,
    lifetimeMs: plan.timeoutMs + MARGIN_MS,
  }
}

type CommandInput = { plan: SandboxPlan; onOutput: NonNullable<ExecSpec['onOutput']> }

async function runCommand(
  sandbox: Sandbox,
  { plan, onOutput }: CommandInput,
  signal: AbortSignal,
): Promise<Pick<SandboxRun, 'exitCode' | 'timedOut'>> {
  const late = AbortSignal.timeout(plan.timeoutMs)
  const breach = new AbortController()
  void sandbox.breached.then((kind) => breach.abort(new AttemptFailure(kind, `The sandbox was ended: ${kind}.`)))
  const either = AbortSignal.any([signal, late, breach.signal])
  try {
    const spec = { command: plan.command, user: 'agent', cwd: '/workspace', onOutput } as const
    const { code } = await sandbox.exec(spec, either)
    return { exitCode: code, timedOut: false }
  } catch (error) {
    signal.throwIfAborted()
    if (!late.aborted || breach.signal.aborted) throw error
    return { exitCode: null, timedOut: true }
  }
}

/** Milliseconds since the last call. */
function laps(): () => number {
  let last = performance.now()
  return () => {
    const now = performance.now()
    const ms = Math.round(now - last)
    last = now
    return ms
  }
}
