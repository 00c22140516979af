import { SERVICE_RESOURCES } from '../../domain/environments/limits.ts'
import { AttemptFailure } from '../failure.ts'
import type { Sidecar, SidecarEnd, SidecarFactory } from '../sandbox/sidecar.ts'
import type { Listening } from './listening.ts'
import type { FoundService, StartInput } from './services.ts'

const SECOND = 1000
/** A database that makes itself anew takes some ten seconds, on a busy machine more. */
const READY_LIMIT_MS = 120 * SECOND

export type StartDeps = {
  createSidecar: SidecarFactory
  untilListening: (input: Listening, signal: AbortSignal) => Promise<void>
  readyLimitMs?: number
}

type Started = FoundService & { address: string; sidecar: Sidecar }

/** Starts the services of a sandbox at once, and waits until each of them can be used. Contract: `Services.start`. */
export async function startServices(input: StartInput, deps: StartDeps, signal: AbortSignal): Promise<void> {
  const { found, places, owner, cleanup, onLeftover } = input
  const started = found.flatMap((each, i): Started[] => {
    const network = places[i]
    if (network === undefined) throw new Error('Cannot start a service: it has no place in the network')
    const { name, env = {}, command } = each.service
    const { image } = each
    const spec = { name, image, owner, env, network, resources: SERVICE_RESOURCES, ...(command && { command }) }
    return [{ ...each, address: network.address, sidecar: deps.createSidecar(spec) }]
  })
  cleanup.defer(async () => {
    await Promise.all(started.map(({ sidecar }) => sidecar.destroy().catch(onLeftover)))
  })
  watchDisks(started, input)
  await Promise.all(started.map(({ sidecar }) => sidecar.start(signal)))
  const ready = untilReady(started, deps, signal)
  // What looks at them is gone before they are, also when nobody waits for it any more.
  cleanup.defer(() => ready.catch(() => undefined))
  await ready
  watchEnds(started, input)
}

async function untilReady(started: readonly Started[], deps: StartDeps, signal: AbortSignal): Promise<void> {
  const { readyLimitMs = READY_LIMIT_MS } = deps
  const limit = AbortSignal.timeout(readyLimitMs)
  const over = new AbortController()
  const until = AbortSignal.any([signal, limit, over.signal])
  const awaited = new Map(started.filter(({ ports }) => ports.length > 0).map((each) => [each.service.name, each]))
  const listening = waitFor([...awaited.values()], { deps, onListening: (name) => awaited.delete(name) }, until)
  const waits = [listening, ...started.map(({ sidecar }) => sidecar.ended(until))]
  const error = await Promise.race(waits).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  over.abort()
  await Promise.allSettled(waits)
  signal.throwIfAborted()
  // Before all else: one that has ended is why the others cannot be looked at.
  for (const each of started) {
    const end = await each.sidecar.end()
    if (end !== undefined) throw await failureOf(each, `it ended ${how(end)}`)
  }
  const [late] = awaited.values()
  if (limit.aborted && late) {
    throw await failureOf(
      late,
      `nothing took a connection at port ${late.ports.join(' or ')} within ${readyLimitMs / SECOND} s`,
    )
  }
  if (error !== undefined) throw error as Error
}

type Waiting = Pick<Listening, 'onListening'> & { deps: StartDeps }

async function waitFor(
  awaited: readonly Started[],
  { deps, onListening }: Waiting,
  signal: AbortSignal,
): Promise<void> {
  const [first] = awaited
  if (first === undefined) return
  const targets = awaited.map(({ service, address, ports }) => ({ name: service.name, address, ports }))
  await deps.untilListening({ targets, container: first.sidecar.container, onListening }, signal)
}

/** From the beginning: one that fills the disk need not become ready for it. */
function watchDisks(started: readonly Started[], { onBroken }: StartInput): void {
  const used = `it used all of its disk (${SERVICE_RESOURCES.diskMiB} MiB)`
  for (const { service, sidecar } of started) {
    const failure = new AttemptFailure('service-failed', `Cannot go on with service "${service.name}": ${used}`)
    void sidecar.diskFull.then(() => onBroken(failure))
  }
}

/** One that ends later is told of, and the work goes on: whoever needs it, fails. */
function watchEnds(started: readonly Started[], { cleanup, note, onLeftover }: StartInput): void {
  const over = new AbortController()
  cleanup.defer(() => over.abort())
  for (const each of started) {
    const { sidecar } = each
    const tell = async () => {
      await sidecar.ended(over.signal)
      const end = await sidecar.end()
      if (end && !over.signal.aborted) await note((await failureOf(each, `it ended ${how(end)}`)).message)
    }
    tell().catch((error: unknown) => over.signal.aborted || onLeftover(error))
  }
}

function how({ code, outOfMemory }: SidecarEnd): string {
  if (outOfMemory) return `for want of memory: it may use ${SERVICE_RESOURCES.memoryMiB} MiB`
  return code === null ? 'without a word' : `with exit code ${code}`
}

async function failureOf({ service, sidecar }: Started, why: string): Promise<AttemptFailure> {
  const words = await sidecar.lastWords()
  const said = words === '' ? 'It said nothing.' : `Its last words: ${words}`
  return new AttemptFailure('service-failed', `Cannot use service "${service.name}": ${why}. ${said}`)
}
