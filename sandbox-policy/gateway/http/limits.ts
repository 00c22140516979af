const SECOND = 1000
const MINUTE = 60 * SECOND

export type HttpLimits = {
  /** From the first byte of a request head to its last. */
  headMs: number
  /** Between two requests of a connection. */
  idleMs: number
  /** In an exchange, without a byte either way. */
  stallMs: number
  /** The same after the client's FIN: most often it is gone. */
  stallAfterFinMs: number
  /** In a WebSocket, without a byte either way. */
  tunnelIdleMs: number
  /** After the last answer: input is thrown away, so that the client reads the answer before a reset. */
  lingerMs: number
  lingerBytes: number
}

export const HTTP_LIMITS: HttpLimits = {
  headMs: 10 * SECOND,
  idleMs: 75 * SECOND,
  stallMs: 5 * MINUTE,
  stallAfterFinMs: MINUTE,
  tunnelIdleMs: 15 * MINUTE,
  lingerMs: 2 * SECOND,
  lingerBytes: 4 * 1024 * 1024,
}
