import { request, type IncomingMessage } from 'node:http'
import { GIT_HOST } from '../../control.ts'
import type { Reason } from '../../ledger.ts'
import type { InternalHandler, InternalRequest } from '../http/internal.ts'
import { LedgerFailed, type OpenRecord } from '../session.ts'

export type GitRouteDeps = {
  /** The runner's socket. */
  socketPath: string
  /** Without a byte from the runner. */
  idleMs?: number
}

const IDLE_MS = 120_000

/** What the runner reads, besides the path: which sandbox asks. It serves what that sandbox may see (R18). */
export const SANDBOX_HEADER = 'x-drydock-sandbox'

const PASSED_UP = ['content-type', 'content-encoding', 'git-protocol', 'accept']
const PASSED_DOWN = ['content-type', 'cache-control', 'expires', 'pragma']

type Denial = { status: number; reason: Reason; sentence: string }

/** `http://git.drydock.internal/NAME`: fetching from the attempt's own repositories, and nothing else. */
export function createGitRoute(deps: GitRouteDeps): InternalHandler {
  return async (asked) => {
    const { session, method, target } = asked
    const record = {
      layer: 'http',
      asked: GIT_HOST,
      host: GIT_HOST,
      port: 80,
      method,
      path: target,
      rule: 'git',
    } as const
    const denial = judge(asked)
    if (denial !== undefined) {
      await session.deny(record, denial.reason, denial.status)
      return answerDenied(asked, denial)
    }
    let open: OpenRecord
    try {
      open = await session.allow(record)
    } catch (error) {
      if (!(error instanceof LedgerFailed)) throw error
      return answerDenied(asked, LEDGER_FAILED)
    }
    await new Forward(asked, open, deps).run()
  }
}

const LEDGER_FAILED: Denial = {
  status: 503,
  reason: 'ledger-failed',
  sentence: 'Drydock cannot write its ledger, so nothing passes.',
}

function judge({ session, method, target, headers }: InternalRequest): Denial | undefined {
  if (/git-receive-pack/.test(target)) {
    const sentence =
      'This repository is read-only here: pushing happens by Drydock when the task is done. Commit, or just leave the changes.'
    return { status: 403, reason: 'path', sentence }
  }
  const name = nameOf({ session, target })
  if (name === undefined) {
    return { status: 404, reason: 'path', sentence: 'This task has no repository of that name.' }
  }
  const asked = `${method} ${target.slice(name.length + 2)}`
  if (asked !== 'GET info/refs?service=git-upload-pack' && asked !== 'POST git-upload-pack') {
    return { status: 403, reason: 'path', sentence: 'Only git fetch and git clone over smart HTTP are answered here.' }
  }
  const encoding = headers.get('content-encoding')
  if (encoding !== undefined && !/^(?:gzip|identity)$/.test(encoding)) {
    return { status: 415, reason: 'header', sentence: 'Only gzip is taken as an encoding here.' }
  }
  return undefined
}

/** Compared byte for byte: what would have to be decoded is another name. */
function nameOf({ session, target }: Pick<InternalRequest, 'session' | 'target'>): string | undefined {
  return [...session.repositories].find((name) => target.startsWith(`/${name}/`))
}

async function answerDenied(asked: InternalRequest, { status, reason, sentence }: Denial): Promise<void> {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'x-drydock-denied': reason }
  await asked.respond(status, headers, asked.method === 'HEAD' ? '' : `${sentence}\n`)
}

/** One request on the runner's socket. */
class Forward {
  readonly #asked: InternalRequest
  readonly #open: OpenRecord
  readonly #deps: GitRouteDeps
  readonly #cut = new AbortController()
  #status: number | null = null
  #reason: Reason | null = null
  #up = 0
  #down = 0

  constructor(asked: InternalRequest, open: OpenRecord, deps: GitRouteDeps) {
    this.#asked = asked
    this.#open = open
    this.#deps = deps
  }

  async run(): Promise<void> {
    const { session, signal } = this.#asked
    const untrack = session.track({
      stillAllowed: () => nameOf(this.#asked) !== undefined,
      close: (reason) => this.#stop(reason),
    })
    const onAbort = () => this.#cut.abort()
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    try {
      const message = await this.#send()
      this.#status = message.statusCode ?? 502
      await this.#asked.respond(this.#status, passed(message), this.#body(message))
    } catch (error) {
      if (this.#status !== null || signal.aborted) throw error
      this.#reason ??= 'upstream-unreachable'
      this.#status = 502
      const sentence = 'Drydock’s git route cannot be reached at the moment.'
      await answerDenied(this.#asked, { status: 502, reason: this.#reason, sentence })
    } finally {
      untrack()
      signal.removeEventListener('abort', onAbort)
      this.#cut.abort()
      this.#open.end({ status: this.#status, reason: this.#reason, bytesUp: this.#up, bytesDown: this.#down })
    }
  }

  #stop(reason: Reason): void {
    this.#reason ??= reason
    this.#cut.abort()
  }

  #send(): Promise<IncomingMessage> {
    const { session, method, target, headers } = this.#asked
    const sent: Record<string, string> = { host: GIT_HOST, [SANDBOX_HEADER]: session.id, connection: 'close' }
    for (const name of PASSED_UP) {
      const value = headers.get(name)
      if (value !== undefined) sent[name] = value
    }
    return new Promise((resolve, reject) => {
      const outgoing = request({
        socketPath: this.#deps.socketPath,
        method,
        path: target,
        headers: sent,
        setHost: false,
        agent: false,
        signal: this.#cut.signal,
      })
      outgoing.setTimeout(this.#deps.idleMs ?? IDLE_MS, () => this.#stop('upstream-unreachable'))
      outgoing.on('error', reject)
      outgoing.once('response', (message) => {
        message.on('error', () => {})
        resolve(message)
      })
      if (method === 'POST') this.#pump(outgoing).catch((error: Error) => outgoing.destroy(error))
      else outgoing.end()
    })
  }

  async #pump(outgoing: ReturnType<typeof request>): Promise<void> {
    for await (const chunk of this.#asked.body) {
      this.#count(chunk.length)
      this.#up += chunk.length
      if (outgoing.write(chunk) || outgoing.destroyed) continue
      await new Promise<void>((resolve) => {
        outgoing.once('drain', resolve)
        outgoing.once('close', resolve)
      })
    }
    outgoing.end()
  }

  async *#body(message: IncomingMessage): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of message as AsyncIterable<Buffer>) {
        this.#count(chunk.length)
        this.#down += chunk.length
        yield chunk
      }
    } catch (error) {
      if (!this.#asked.signal.aborted) this.#reason ??= 'upstream-unreachable'
      throw error
    }
  }

  #count(bytes: number): void {
    if (this.#asked.session.countBytes(bytes)) return
    this.#stop('rate')
    throw new Error('The sandbox has passed as many bytes as it may')
  }
}

function passed(message: IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of PASSED_DOWN) {
    const value = message.headers[name]
    if (typeof value === 'string') headers[name] = value
  }
  return headers
}
