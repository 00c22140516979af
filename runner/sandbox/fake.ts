import { Readable } from 'node:stream'
import { untilAborted } from './aborted.ts'
import type { Breach, ExecResult, ExecSpec, Sandbox, SandboxFactory, SandboxSpec } from './sandbox.ts'

/** What a scripted command sees of the call and may do. `stdin` is all of it. */
export type FakeExec = {
  spec: ExecSpec
  stdin: Buffer
  signal: AbortSignal
  out: (text: string) => Promise<void>
  err: (text: string) => Promise<void>
}

export type FakeScript = {
  /** Answers a command; without it every command ends with 0 and says nothing. */
  exec?: (call: FakeExec) => ExecResult | Promise<ExecResult>
  start?: (signal: AbortSignal) => void | Promise<void>
  killAll?: () => void | Promise<void>
  freeze?: () => void | Promise<void>
  thaw?: () => void | Promise<void>
  destroy?: () => void | Promise<void>
  commit?: (tag: string) => { id: string; sizeBytes: number }
  /** A tar archive of its files; without it there are none. */
  files?: () => AsyncIterable<Uint8Array>
  /** Without it every path counts as changed. */
  changedAmong?: (paths: readonly string[]) => Set<string>
}

/** A sandbox that runs nothing: it answers from a script, writes down what was asked and objects to misuse. */
export class FakeSandbox implements Sandbox {
  readonly spec: SandboxSpec
  /** In order: `start`, `exec agent: sh -c …`, `killAll`, `commit TAG`, `destroy`. */
  readonly calls: string[] = []
  readonly breached: Promise<Breach>
  #state: 'new' | 'started' | 'frozen' | 'destroyed' = 'new'
  #breach: (breach: Breach) => void = () => {}
  readonly #script: FakeScript
  readonly #misuse: string[]

  constructor(spec: SandboxSpec, script: FakeScript, misuse: string[]) {
    this.spec = spec
    this.#script = script
    this.#misuse = misuse
    this.breached = new Promise((resolve) => (this.#breach = resolve))
  }

  get isDestroyed(): boolean {
    return this.#state === 'destroyed'
  }

  /** Acts as if the sandbox passed a limit. */
  breach(kind: Breach): void {
    this.#breach(kind)
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#record('start', 'new')
    signal.throwIfAborted()
    this.#state = 'started'
    try {
      await untilAborted(Promise.resolve(this.#script.start?.(signal)), signal)
    } catch (error) {
      this.#state = 'destroyed'
      throw error
    }
  }

  async exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecResult> {
    this.#record(`exec ${spec.user}: ${spec.command.join(' ')}`, 'started')
    signal.throwIfAborted()
    const stdin = await readAll(spec.stdin)
    const say = (stream: 'stdout' | 'stderr') => async (text: string) => {
      await spec.onOutput?.(stream, Buffer.from(text))
    }
    const running = this.#script.exec?.({ spec, stdin, signal, out: say('stdout'), err: say('stderr') })
    return (await untilAborted(Promise.resolve(running), signal)) ?? { code: 0 }
  }

  async killAll(signal: AbortSignal): Promise<void> {
    this.#record('killAll', 'started')
    signal.throwIfAborted()
    await this.#script.killAll?.()
  }

  async freeze(): Promise<void> {
    this.#record('freeze', 'started')
    this.#state = 'frozen'
    await this.#script.freeze?.()
  }

  async thaw(): Promise<void> {
    this.#record('thaw', 'frozen')
    this.#state = 'started'
    await this.#script.thaw?.()
  }

  async commit(tag: string, _labels: Readonly<Record<string, string>>, signal: AbortSignal) {
    this.#record(`commit ${tag}`, 'started')
    signal.throwIfAborted()
    return this.#script.commit?.(tag) ?? { id: `sha256:${tag}`, sizeBytes: 1 }
  }

  async files(signal: AbortSignal) {
    this.#record('files', 'started')
    signal.throwIfAborted()
    return this.#script.files?.() ?? Readable.from([])
  }

  async changedAmong(paths: readonly string[]) {
    this.#record('changedAmong', 'started')
    return this.#script.changedAmong?.(paths) ?? new Set(paths)
  }

  async destroy(): Promise<void> {
    this.calls.push('destroy')
    this.#state = 'destroyed'
    await this.#script.destroy?.()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.destroy()
  }

  #record(call: string, needed: 'new' | 'started' | 'frozen'): void {
    this.calls.push(call)
    if (this.#state === needed) return
    const objection = `${call} on a sandbox that is ${this.#state}`
    this.#misuse.push(objection)
    throw new Error(`Misuse of the sandbox: ${objection}`)
  }
}

export type FakeSandboxes = {
  create: SandboxFactory
  made: FakeSandbox[]
  /** Throws if a sandbox was used out of order, or was started and never destroyed. */
  assertClean: () => void
}

/** A factory of scripted sandboxes that remembers them. */
export function fakeSandboxes(script: FakeScript = {}): FakeSandboxes {
  const made: FakeSandbox[] = []
  const misuse: string[] = []
  return {
    made,
    create(spec) {
      const sandbox = new FakeSandbox(spec, script, misuse)
      made.push(sandbox)
      return sandbox
    },
    assertClean() {
      const kept = made.filter((sandbox) => sandbox.calls.includes('start') && !sandbox.isDestroyed)
      const findings = [...misuse, ...kept.map((sandbox) => `never destroyed: ${sandbox.calls.join(', ')}`)]
      if (findings.length > 0) throw new Error(`Misuse of the sandbox: ${findings.join('; ')}`)
    },
  }
}

async function readAll(source: ExecSpec['stdin']): Promise<Buffer> {
  if (source === undefined) return Buffer.alloc(0)
  if (source instanceof Uint8Array) return Buffer.from(source)
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk)
  return Buffer.concat(chunks)
}
