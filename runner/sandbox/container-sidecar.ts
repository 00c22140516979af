import { hasCode } from '../../domain/errors.ts'
import { newId } from '../../domain/ids.ts'
import { plainWords } from '../../forge/plain-text.ts'
import { AttemptFailure } from '../failure.ts'
import { untilAborted } from './aborted.ts'
import { diskLimits } from './confinement.ts'
import { emptyFolders, isDeep } from './deep-folders.ts'
import { canMeasure } from './disk-usage.ts'
import type { Find } from './find.ts'
import { wordsOf } from './docker-errors.ts'
import type { WithoutVolumes } from './docker-plain-images.ts'
import type { Engine } from './engine.ts'
import type { ContainerFacts, EngineCalls } from './engine-calls.ts'
import { openHostView } from './host-view.ts'
import { lastWords } from './last-words.ts'
import { ownerName } from './owner-labels.ts'
import { removeContainer } from './remove-container.ts'
import { sidecarBody } from './sidecar-body.ts'
import type { Sidecar, SidecarEnd, SidecarSpec } from './sidecar.ts'
import type { LimitWatch } from './watch.ts'

const DESTROY_DEADLINE_MS = 30_000
const EASE_DEADLINE_MS = 10_000
const LAST_LINES = 20

export type ContainerSidecarDeps = {
  calls: EngineCalls
  services: Pick<Engine, 'startService' | 'waitService' | 'serviceLog'>
  watch: LimitWatch
  withoutVolumes: WithoutVolumes
  /** Whether to look at folders of this machine, should the engine run on it. */
  hostAccess: boolean
  find: Find
}

/** A sidecar that is one container. Contract: `Sidecar`. */
export class ContainerSidecar implements Sidecar {
  readonly container: string
  readonly diskFull: Promise<void>
  readonly #spec: SidecarSpec
  readonly #deps: ContainerSidecarDeps
  readonly #onDiskFull: () => void
  #creating: Promise<string> | undefined
  #id: string | undefined
  /** Where it writes to on this machine, where that can be seen. */
  #folders: readonly string[] = []
  #destroyed = false

  constructor(spec: SidecarSpec, deps: ContainerSidecarDeps) {
    this.#spec = spec
    this.#deps = deps
    this.container = `drydock-${ownerName(spec.owner)}-${spec.name}-${newId()}`
    let onDiskFull = () => {}
    this.diskFull = new Promise((resolve) => (onDiskFull = resolve))
    this.#onDiskFull = onDiskFull
  }

  async start(signal: AbortSignal): Promise<void> {
    const { calls, services } = this.#deps
    signal.throwIfAborted()
    this.#creating = this.#create()
    this.#creating.catch(() => undefined)
    const id = await untilAborted(this.#creating, signal).catch((error: unknown) => Promise.reject(this.#told(error)))
    this.#id = id
    await untilAborted(services.startService(this.container), signal).catch((error: unknown) =>
      Promise.reject(this.#told(error)),
    )
    await this.#observe(id, await untilAborted(calls.inspect(id), signal))
  }

  ended(signal: AbortSignal): Promise<void> {
    return this.#deps.services.waitService(this.container, signal)
  }

  async end(): Promise<SidecarEnd | undefined> {
    const facts = await this.#deps.calls.inspect(this.container)
    if (facts === undefined) return { code: null, outOfMemory: false }
    return facts.running ? undefined : { code: facts.exitCode, outOfMemory: facts.outOfMemory }
  }

  async lastWords(): Promise<string> {
    return lastWords(await this.#deps.services.serviceLog(this.container, LAST_LINES).catch(() => ''))
  }

  async destroy(): Promise<void> {
    this.#destroyed = true
    if (this.#creating === undefined) return
    const { calls, watch } = this.#deps
    // A create in flight would leave a container behind that nobody knows.
    await untilAborted(this.#creating, AbortSignal.timeout(DESTROY_DEADLINE_MS)).catch(() => undefined)
    if (this.#id !== undefined) watch.remove(this.#id)
    await this.#easeRemoval().catch(() => undefined)
    await removeContainer({ calls, name: this.container, id: this.#id }, AbortSignal.timeout(DESTROY_DEADLINE_MS))
  }

  async #create(): Promise<string> {
    const { calls, withoutVolumes } = this.#deps
    const { installation } = this.#spec.owner
    const image = await withoutVolumes(this.#spec.image, { installation, program: true })
    if (this.#destroyed) throw this.#refused('it is not wanted any more')
    const id = image && (await calls.create(this.container, sidecarBody(this.#spec, image)))
    if (id === undefined) throw this.#refused(`the engine has no image "${this.#spec.image}"`)
    return id
  }

  async #observe(id: string, facts: ContainerFacts | undefined): Promise<void> {
    if (facts === undefined) return
    const { hostAccess, watch } = this.#deps
    const { resources } = this.#spec
    const host = hostAccess && facts.running ? await openHostView(id, facts.pid) : undefined
    // Also of one that has ended: its files are there until it is removed.
    this.#folders = hostAccess && facts.upperDir !== undefined ? [facts.upperDir, ...facts.volumeDirs] : []
    if (this.#destroyed) return
    watch.add({
      container: id,
      host,
      folders: host === undefined ? [] : this.#folders,
      limits: { disk: diskLimits(resources), pids: resources.pids },
      // Of memory or processes it has no more than it may; only the disk is limited by a look at it.
      onBreach: (breach) => breach === 'disk-full' && this.#onDiskFull(),
    })
  }

  /** What the engine refuses is the image's fault, or that of what it is to run. */
  #told(error: unknown): Error {
    if (error instanceof AttemptFailure && error.reason !== 'service-failed') return this.#refused(error.message, error)
    return hasCode(error, 'internal') ? this.#refused(plainWords(wordsOf(error.cause)), error) : (error as Error)
  }

  #refused(why: string, cause?: unknown): AttemptFailure {
    return new AttemptFailure('service-failed', `Cannot start service "${this.#spec.name}": ${why}`, { cause })
  }

  /** A tree of hundreds of thousands of levels would take all open files of the engine: it is removed beforehand. */
  async #easeRemoval(): Promise<void> {
    const folders = this.#folders
    this.#folders = []
    if (this.#id === undefined || !(await canMeasure(folders))) return
    // Before the look: what lives could put a tree together right after it.
    await untilAborted(this.#deps.calls.kill(this.#id), AbortSignal.timeout(EASE_DEADLINE_MS))
    const { find } = this.#deps
    if (await isDeep(folders, find)) await emptyFolders(folders, find)
  }
}
