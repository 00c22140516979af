import { setTimeout as delay } from 'node:timers/promises'
import type { DeviceJson, MadeTokenJson, NewDeviceJson } from '../api/routes/device.ts'
import { createCaller } from './client.ts'
import type { ClientConfig } from './config.ts'
import { say } from './context.ts'
import type { CliContext } from './context.ts'
import { CliError } from './errors.ts'
import { neutraliseLine } from './terminal.ts'

const SECOND = 1000
/** Whoever is told to ask less often waits this much longer each time (RFC 8628). */
const SLOWER_MS = 5 * SECOND

/** Asks the server for a token, and waits until a person has said yes in a browser. Rejects when they say no, or nothing. */
export async function signInByDevice(
  config: ClientConfig,
  ask: NewDeviceJson,
  context: CliContext,
): Promise<MadeTokenJson> {
  const { signal } = context
  const call = createCaller(config, { fetch: context.fetch, root: '/auth/device' })
  const post = async <T>(path: string, body: unknown) =>
    (await (await call({ method: 'POST', path, body }, signal)).json()) as T
  const device = await post<DeviceJson>('', ask)
  say(context, `Open ${neutraliseLine(device.verification_uri)} and type this code:\n`)
  say(context, `    ${neutraliseLine(device.user_code)}\n\nWaiting until it is confirmed …`)
  const endsAt = performance.now() + device.expires_in * SECOND
  let pauseMs = device.interval * SECOND
  for (;;) {
    await delay(pauseMs, undefined, { signal })
    try {
      return await post<MadeTokenJson>('/token', { device_code: device.device_code })
    } catch (error) {
      if (!isPassing(error) || performance.now() > endsAt) throw inOtherWords(error)
      if (error.code === 'rate-limited') pauseMs += SLOWER_MS
    }
  }
}

const isPassing = (error: unknown): error is CliError =>
  error instanceof CliError &&
  ['authorization-pending', 'rate-limited', 'server-unreachable', 'database-unavailable'].includes(error.code)

function inOtherWords(error: unknown): unknown {
  if (!(error instanceof CliError)) return error
  if (error.code === 'access-denied') return new CliError(error.code, 'Cannot sign in: it was refused in the browser')
  if (!['device-code-expired', 'authorization-pending'].includes(error.code)) return error
  return new CliError('device-code-expired', 'Cannot sign in: nobody confirmed the code in time. Begin again')
}
