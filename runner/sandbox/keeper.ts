import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { untilAborted } from './aborted.ts'
import { createDemux, type Piece } from './demux.ts'
import { keeperProgram } from './keeper-program.ts'
import { READY, SERVES } from './keeper-script.ts'
import { markScanner } from './mark-scanner.ts'
import type { ExecResult, ExecSpec } from './sandbox.ts'

const GREETING_BYTES = 4096

/** Who gets what the keeper's stream brings. A returned promise holds the stream back. */
type Taker = { take: (piece: Piece) => void | Promise<void>; end: () => void }

/**
 * The runner's end of the stream of a keeper (`keeper-script.ts`): what it says at the start, and the commands that it
 * runs. It serves what comes before the agent, and the agent's own start; nothing else is decided by what it says. The
 * marks are secret from the agent, which cannot write where the keeper reads.
 */
export class Keeper {
  readonly #stream: Duplex
  #taker: Taker | undefined
  #state: 'closed' | 'free' | 'busy' = 'closed'
  #hasEnded = false

  constructor(stream: Duplex) {
    this.#stream = stream
    // An engine that goes away would end the server; the end of the stream says it, too.
    stream.on('error', () => {})
    void this.#read()
  }

  /** The first line of PID 1, or all it said before it ended. */
  async greeting(): Promise<string> {
    let text = ''
    await this.#listen((piece, done) => {
      text += piece.chunk.toString()
      if ((text.includes(READY) && text.endsWith('\n')) || text.length > GREETING_BYTES) done()
    })
    if (text.includes(READY) && text.trimEnd().endsWith(SERVES)) this.#state = 'free'
    else this.close()
    return text
  }

  /** Runs a command; `last`: and serves no more. Undefined where it cannot: then the engine must. */
  run(spec: ExecSpec, last: boolean, signal: AbortSignal): Promise<ExecResult> | undefined {
    const program = this.#state === 'free' ? keeperProgram(spec) : undefined
    if (program === undefined) return undefined
    this.#state = 'busy'
    const mark = randomBytes(16).toString('hex')
    const { text, uid, input } = program
    this.#stream.write(`${mark} ${uid} ${text.length} ${input.length} ${last ? 1 : 0} ${spec.closed ? 1 : 0}\n`)
    this.#stream.write(text)
    if (input.length > 0) this.#stream.write(input)
    const ended = this.#untilMark(mark, spec.onOutput).then((code) => {
      if (last || code === null || this.#state === 'closed') this.close()
      else this.#state = 'free'
      return { code }
    })
    return untilAborted(ended, signal)
  }

  /** Whether a command may be given to it. */
  get isFree(): boolean {
    return this.#state === 'free'
  }

  /** It serves nothing from now on. Safe to call twice. A command that runs goes on, and its output is still handed on. */
  close(): void {
    const isBusy = this.#state === 'busy'
    this.#state = 'closed'
    if (isBusy && !this.#hasEnded) this.#stream.end()
    else this.#stream.destroy()
  }

  /** Resolves to the exit code, null when the stream ended before both outputs had the mark. */
  async #untilMark(mark: string, onOutput: ExecSpec['onOutput']): Promise<number | null> {
    const bytes = Buffer.from(`\x1e${mark}`)
    const scanners = { stdout: markScanner(bytes), stderr: markScanner(bytes) }
    const codes: { stdout?: number | null; stderr?: number | null } = {}
    await this.#listen(async ({ stream, chunk }, done) => {
      if (codes[stream] !== undefined) return
      const { before, code } = scanners[stream](chunk)
      if (code !== undefined) codes[stream] = code
      if (before.length > 0) await onOutput?.(stream, before)
      if (codes.stdout !== undefined && codes.stderr !== undefined) done()
    })
    return codes.stderr === undefined ? null : (codes.stdout ?? null)
  }

  async #listen(take: (piece: Piece, done: () => void) => void | Promise<void>): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const over = () => {
        this.#taker = undefined
        resolve()
      }
      if (this.#hasEnded) return over()
      const taken = async (piece: Piece) => {
        try {
          await take(piece, over)
        } catch (error) {
          // What reads the output failed: that is the command's end for whoever waits for it.
          this.#taker = undefined
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      }
      this.#taker = { take: taken, end: over }
    })
  }

  async #read(): Promise<void> {
    const demux = createDemux()
    try {
      for await (const data of this.#stream) {
        for (const piece of demux(data as Buffer)) await this.#taker?.take(piece)
      }
    } catch {
      // A reset is an end like any other.
    }
    this.#hasEnded = true
    this.#taker?.end()
  }
}
