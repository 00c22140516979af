import { addAbortSignal, type Readable } from 'node:stream'
import { DrydockError, hasCode } from '../../domain/errors.ts'
import { newId } from '../../domain/ids.ts'
import { plainWords } from '../../forge/plain-text.ts'
import { AttemptFailure } from '../failure.ts'
import { untilAborted } from './aborted.ts'
import { changedAmong } from './changed-among.ts'
import { diskLimits } from './confinement.ts'
import { containerBody } from './container-body.ts'
import { emptyFolders, isDeep } from './deep-folders.ts'
import { canMeasure } from './disk-usage.ts'
import type { Find } from './find.ts'
import type { WithoutVolumes } from './docker-plain-images.ts'
import type { ContainerFacts, EngineCalls } from './engine-calls.ts'
import { ExecGate } from './exec-gate.ts'
import { runExec } from './exec.ts'
import { isInContainer, openHostView } from './host-view.ts'
import { Keeper } from './keeper.ts'
import { READY } from './keeper-script.ts'
import { createKiller, type KillAll } from './kill-all.ts'
import { ownerName } from './owner-labels.ts'
import { removeContainer } from './remove-container.ts'
import type { Breach, ExecResult, ExecSpec, Sandbox, SandboxSpec } from './sandbox.ts'
import type { LimitWatch, Watched } from './watch.ts'

const DESTROY_DEADLINE_MS = 30_000
const EASE_DEADLINE_MS = 10_000
/** How long a freeze waits for commands that are being started. */
const STARTS_LIMIT_MS = 5000

export type ContainerSandboxDeps = {
  calls: EngineCalls
  watch: LimitWatch
  /** Whether to look at processes and folders of this machine, should the engine run on it. */
  hostAccess: boolean
  find: Find
  withoutVolumes: WithoutVolumes
}

/** A sandbox that is one container. Contract: `Sandbox`. */
export class ContainerSandbox implements Sandbox {
  readonly breached: Promise<Breach>
  readonly #spec: SandboxSpec
  readonly #deps: ContainerSandboxDeps
  readonly #name: string
  readonly #onBreach: (breach: Breach) => void
  #creating: Promise<string | undefined> | undefined
  #id: string | undefined
  #killAll: KillAll | undefined
  #keeper: Keeper | undefined
  #watched: Watched | undefined
  /** PID 1 on this machine, while it is known: a restart changes it. */
  #pid: number | undefined
  /** The folders on this machine that it writes to, where they can be seen. */
  #folders: readonly string[] = []
  readonly #gate = new ExecGate(STARTS_LIMIT_MS)
  /** Settles when an image is gone that nobody wanted any more while the engine made it. */
  #unwanted: Promise<unknown> = Promise.resolve()
  #destroyed = false

  constructor(spec: SandboxSpec, deps: ContainerSandboxDeps) {
    this.#spec = spec
    this.#deps = deps
    this.#name = `drydock-${ownerName(spec.owner)}-${newId()}`
    let onBreach: (breach: Breach) => void = () => {}
    this.breached = new Promise((resolve) => (onBreach = resolve))
    this.#onBreach = onBreach
  }

  async start(signal: AbortSignal): Promise<void> {
    if (this.#creating !== undefined)
      throw new DrydockError('internal', 'Cannot start the sandbox: it was started before')
    try {
      await this.#start(signal)
    } catch (error) {
      // Without an engine there is nothing to wait for: what it may keep is swept when it is back.
      const cleanup = hasCode(error, 'engine-unavailable') ? this.#destroyOnce() : this.destroy()
      await cleanup.catch(() => {})
      throw error
    }
  }

  async exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecResult> {
    const container = this.#running()
    const given = Object.entries(this.#spec.env ?? {}).filter(([name]) => !(spec.closed && name.startsWith('GIT_')))
    const env = { ...Object.fromEntries(given), ...spec.env }
    const result = await this.#run(container, { ...spec, env }, signal)
    if (result.code === 0) return result
    // A limit is often why a command failed: it is known by the time the failure is.
    await untilAborted(this.#deps.watch.check(container), signal)
    // The engine gives a code also to a command that went down with its container.
    return (await untilAborted(this.#isUp(container), signal)) ? result : { code: null }
  }

  async killAll(signal: AbortSignal): Promise<void> {
    this.#running()
    this.#keeper?.close()
    await untilAborted(this.#killAll?.(signal) ?? Promise.resolve(), signal)
  }

  async freeze(): Promise<void> {
    const container = this.#running()
    if (!(await this.#gate.freeze(() => this.#deps.calls.pause(container))))
      throw new DrydockError('engine-unavailable', 'Cannot freeze a sandbox: a command in it does not begin')
    this.#deps.watch.remove(container)
  }

  async thaw(): Promise<void> {
    await this.#deps.calls.unpause(this.#running())
    if (this.#watched !== undefined && !this.#destroyed) this.#deps.watch.add(this.#watched)
  }

  async commit(
    tag: string,
    labels: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<{ id: string; sizeBytes: number }> {
    const container = this.#running()
    signal.throwIfAborted()
    const { calls } = this.#deps
    let id = ''
    // The engine freezes it meanwhile.
    const saving = this.#gate.freeze(async () => void (id = await calls.commit(container, { tag, labels })))
    // The engine makes it to its end also when nobody waits.
    const drop = () => void (this.#unwanted = saving.then((isSaved) => isSaved && calls.removeImage(tag)))
    signal.addEventListener('abort', drop, { once: true })
    try {
      if (!(await untilAborted(saving, signal)))
        throw new DrydockError('engine-unavailable', 'Cannot save a sandbox: a command in it does not begin')
      const image = await untilAborted(calls.image(id), signal)
      return { id, sizeBytes: image?.sizeBytes ?? 0 }
    } finally {
      signal.removeEventListener('abort', drop)
    }
  }

  async files(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return this.#streamed(this.#deps.calls.exportFiles(this.#running()), signal)
  }

  async changedAmong(paths: readonly string[], signal: AbortSignal): Promise<Set<string>> {
    const changes = await this.#streamed(this.#deps.calls.changes(this.#running()), signal)
    return changedAmong(paths, changes)
  }

  async #streamed(opening: Promise<Readable>, signal: AbortSignal): Promise<Readable> {
    return addAbortSignal(signal, await untilAborted(opening, signal, (late) => late.destroy()))
  }

  async destroy(): Promise<void> {
    await this.#settleCreate()
    if (this.#creating === undefined) return
    await this.#easeRemoval().catch(() => {})
    const { calls } = this.#deps
    await untilAborted(this.#unwanted, AbortSignal.timeout(DESTROY_DEADLINE_MS)).catch(() => {})
    await removeContainer({ calls, name: this.#name, id: this.#id }, AbortSignal.timeout(DESTROY_DEADLINE_MS))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy()
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { calls, withoutVolumes } = this.#deps
    signal.throwIfAborted()
    const { installation } = this.#spec.owner
    this.#creating = withoutVolumes(this.#spec.image, { installation, program: false }).then((image) =>
      image === undefined || this.#destroyed
        ? undefined
        : calls.create(this.#name, containerBody(this.#spec, { image, name: this.#name })),
    )
    const id = await untilAborted(this.#creating, signal)
    if (id === undefined) throw imageMissing(this.#spec.image)
    this.#id = id
    const stream = await untilAborted(calls.attach(id), signal, (late) => late.destroy())
    const keeper = new Keeper(stream)
    this.#keeper = keeper
    // Before the start: what is said while nobody listens is lost.
    const said = keeper.greeting()
    await untilAborted(calls.start(id), signal)
    const [greeting, facts] = await untilAborted(Promise.all([said, calls.inspect(id)]), signal)
    await this.#judge(greeting, facts)
    await this.#observe(id, facts)
  }

  /** By the keeper where it may and can. Once something else runs, there may be a stranger inside, and it serves no more. */
  async #run(container: string, spec: ExecSpec, signal: AbortSignal): Promise<ExecResult> {
    const { byKeeper } = spec
    const running = byKeeper && this.#keeper?.run(spec, byKeeper === 'last', signal)
    if (running !== undefined) return running
    if (byKeeper !== 'next') this.#keeper?.close()
    return runExec({ calls: this.#deps.calls, container, gate: this.#gate }, spec, signal)
  }

  /** Reads from what the keeper said, or did not say, what the image lacks. */
  async #judge(greeting: string, facts: ContainerFacts | undefined): Promise<void> {
    const image = this.#spec.image
    if (greeting.includes(`${READY} git`)) return
    if (greeting.includes(READY) && this.#spec.gitOptional) return
    if (greeting.includes(READY)) {
      throw new AttemptFailure(
        'image-without-git',
        `Cannot use image "${image}": it has no git. Install git in the image.`,
      )
    }
    if (/exec sh failed|"sh": executable file not found/.test(greeting)) {
      throw new AttemptFailure(
        'image-without-sh',
        `Cannot use image "${image}": it has no sh. Use an image with a shell and git.`,
      )
    }
    const said = plainWords(greeting) || `it ended with code ${facts?.exitCode ?? 'unknown'} without a word`
    throw new AttemptFailure('sandbox-failed', `Cannot start a sandbox from image "${image}": ${said}`)
  }

  async #observe(id: string, facts: ContainerFacts | undefined): Promise<void> {
    if (facts === undefined || !facts.running)
      throw new AttemptFailure('sandbox-failed', 'Cannot start the sandbox: it ended at once')
    const host = this.#deps.hostAccess ? await openHostView(id, facts.pid) : undefined
    if (host !== undefined) this.#pid = facts.pid
    const { calls } = this.#deps
    const onRestart = () => {
      this.#pid = undefined
    }
    this.#killAll = await createKiller({
      ...{ calls, gate: this.#gate, onRestart },
      container: id,
      host,
      pid: facts.pid,
    })
    this.#folders = host === undefined || facts.upperDir === undefined ? [] : [facts.upperDir, ...facts.volumeDirs]
    this.#watched = {
      container: id,
      host,
      folders: this.#folders,
      limits: { disk: diskLimits(this.#spec.resources), pids: this.#spec.resources.pids },
      onBreach: this.#onBreach,
    }
    this.#deps.watch.add(this.#watched)
  }

  /** A tree of hundreds of thousands of levels would take all open files of the engine: it is removed beforehand. */
  async #easeRemoval(): Promise<void> {
    const folders = this.#folders
    this.#folders = []
    if (!(await canMeasure(folders))) return
    // Before the look: what lives could put a tree together right after it.
    const deadline = AbortSignal.timeout(EASE_DEADLINE_MS)
    await untilAborted(this.#killAll?.(deadline) ?? Promise.resolve(), deadline)
    const { find } = this.#deps
    if (await isDeep(folders, find)) await emptyFolders(folders, find)
  }

  async #destroyOnce(): Promise<void> {
    await this.#settleCreate()
    await this.#deps.calls.remove(this.#name)
  }

  /** A create in flight would leave a container behind that nobody knows: its outcome is waited for. */
  async #settleCreate(): Promise<void> {
    this.#destroyed = true
    this.#keeper?.close()
    const deadline = AbortSignal.timeout(DESTROY_DEADLINE_MS)
    await untilAborted(this.#creating ?? Promise.resolve(undefined), deadline).catch(() => {})
    if (this.#id !== undefined) this.#deps.watch.remove(this.#id)
  }

  async #isUp(container: string): Promise<boolean> {
    if (this.#destroyed) return false
    // The kernel knows before the engine does.
    if (this.#pid !== undefined && !(await isInContainer(container, this.#pid))) return false
    return (await this.#deps.calls.inspect(container))?.running === true
  }

  #running(): string {
    if (this.#destroyed) throw new DrydockError('internal', 'Cannot use the sandbox: it is destroyed')
    if (this.#id === undefined || this.#killAll === undefined) {
      throw new DrydockError('internal', 'Cannot use the sandbox: it is not started')
    }
    return this.#id
  }
}

function imageMissing(image: string): AttemptFailure {
  return new AttemptFailure('image-unavailable', `Cannot start a sandbox: the engine has no image "${image}"`)
}
