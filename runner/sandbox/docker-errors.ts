import { DrydockError } from '../../domain/errors.ts'
import { AttemptFailure } from '../failure.ts'

/** An engine that hangs is as good as none: whoever waits for it would wait for ever, and hold what it has. */
const CALL_LIMIT_MS = 120_000
/** For calls that move an image's worth of bytes. */
export const SLOW_LIMIT_MS = 30 * 60_000

const DOWN = ['ECONNREFUSED', 'ENOENT', 'EACCES', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']

/** The engine's answers as errors of ours. */
export interface DockerErrors {
  /**
   * Waits for a call, but not for ever: two minutes, or `limitMs`. What goes wrong is told as "Cannot <action>: …".
   */
  during: <T>(action: string, call: Promise<T>, limitMs?: number) => Promise<T>
  /** Like `during`, but the listed HTTP states are an expected answer: undefined. */
  unless: <T>(states: readonly number[], action: string, call: Promise<T>, limitMs?: number) => Promise<T | undefined>
}

export function dockerErrors(socketPath: string, callLimitMs = CALL_LIMIT_MS): DockerErrors {
  const translate = (action: string, error: unknown): Error => {
    const isOurs = error instanceof DrydockError || error instanceof AttemptFailure
    if (isOurs || (error as Error).name === 'AbortError') return error as Error
    const code = (error as NodeJS.ErrnoException).code
    if (code !== undefined && DOWN.includes(code)) {
      return new DrydockError('engine-unavailable', `Cannot ${action}: ${unreachable(socketPath, code)}`, {
        cause: error,
      })
    }
    return new DrydockError('internal', `Cannot ${action}: ${wordsOf(error)}`, { cause: error })
  }
  return {
    async during(action, call, limitMs = callLimitMs) {
      try {
        return await within(call, limitMs)
      } catch (error) {
        throw translate(action, error)
      }
    },
    async unless(states, action, call, limitMs = callLimitMs) {
      try {
        return await within(call, limitMs)
      } catch (error) {
        if (states.includes(stateOf(error) ?? 0)) return undefined
        throw translate(action, error)
      }
    },
  }
}

/** Rejects as a connection does that times out; the call itself goes on, and nobody hears of it. */
async function within<T>(call: Promise<T>, limitMs: number): Promise<T> {
  if (limitMs === Infinity) return call
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = Object.assign(new Error('the engine does not answer'), { code: 'ETIMEDOUT' })
    timer = setTimeout(() => reject(error), limitMs)
  })
  try {
    return await Promise.race([call, late])
  } finally {
    clearTimeout(timer)
  }
}

/** HTTP state of the engine's answer. */
export function stateOf(error: unknown): number | undefined {
  return (error as { statusCode?: number }).statusCode
}

/** The engine's own sentence, without the client's decoration. */
export function wordsOf(error: unknown): string {
  const { json, message } = error as { json?: { message?: string } | null; message?: string }
  return (json?.message ?? message ?? String(error)).replace(/^\(HTTP code \d+\) [\w ]+ - /, '').trim()
}

function unreachable(socketPath: string, code: string): string {
  if (code === 'EACCES')
    return `this user may not open ${socketPath}. Add the user to the group "docker", or run as root.`
  if (code === 'ENOENT')
    return `there is no Docker engine at ${socketPath}. Install and start Docker: scripts/setup does both.`
  return `the Docker engine at ${socketPath} does not answer (${code}). Start it, for example with scripts/setup.`
}
