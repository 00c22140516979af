import type { GIT_HOST, LocalRequest, MODEL_HOST } from '../../control.ts'
import type { Session } from '../session.ts'

/** What `respond` sends: whole, or as it comes. A source that throws cuts the connection. */
export type InternalBody = string | Uint8Array | AsyncIterable<Uint8Array>

/**
 * A request to a host that the gateway itself answers for. It went through the strict head parser and `admit('request')`;
 * it went to no policy and no DNS. Records of it are the handler's: `session.allow`, `session.deny`.
 */
export type InternalRequest = {
  /** Of a person's own tool: what its tokens count towards. Absent for a sandbox. */
  readonly local?: LocalRequest
  readonly session: Session
  readonly host: typeof MODEL_HOST | typeof GIT_HOST
  readonly method: string
  /** Path and query as received; begins with `/`. */
  readonly target: string
  /** By lower-case name; hop-by-hop fields, `host` and framing fields included as received. */
  readonly headers: ReadonlyMap<string, string>
  /** Decoded; may be read once. Throws when the client cuts it short or its framing is broken. */
  readonly body: AsyncIterable<Buffer>
  /** Aborts when the client goes away, stalls, or the sandbox ends. Its reason is an Error. */
  readonly signal: AbortSignal
  /**
   * Answers, once; resolves when the last byte is handed to the client's socket, rejects when the client is gone. Framing,
   * `connection` and `date` are set here; headers given with those names are left out.
   */
  respond(status: number, headers: Readonly<Record<string, string>>, body?: InternalBody): Promise<void>
}

/**
 * Answers one request. A rejection, or a return without `respond`, is answered 502, or cut where the answer has begun. The
 * connection is kept only when the request's body was read to its end.
 */
export type InternalHandler = (request: InternalRequest) => Promise<void>
