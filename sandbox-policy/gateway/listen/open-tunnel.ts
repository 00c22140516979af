import type { Socket } from 'node:net'
import type { Allowed, Decision } from '../../decide.ts'
import type { Reason } from '../../ledger.ts'
import { LedgerFailed, type NewRecord, type OpenRecord, type Session } from '../session.ts'
import { DialError, type Dialer } from '../upstream/dialer.ts'
import { tunnel } from './tunnel.ts'

export type TunnelRequest = {
  session: Session
  client: Socket
  name: string
  port: number
  decision: Allowed
  /** Decides again, after a change of the policy. */
  decide: () => Decision | undefined
  record: NewRecord
  /** Tells the client how it went; undefined: it is open. Ends the client's side when it is not. */
  answer: (failure: TunnelFailure | undefined) => void
  /** What the client was told by then, for the record. */
  status: number | null
}

export type TunnelFailure = { reason: Reason; status: 403 | 502 | 503; sentence: string }

/** How many addresses of an answer are tried. */
const MAX_TRIED = 3

/** Connects a client to a name for a tunnel that nobody looks into, and passes bytes until it is over. Never rejects. */
export async function openTunnel(request: TunnelRequest, dialer: Dialer): Promise<void> {
  const { session, client, name, decision, answer, status } = request
  const stillAllowed = () => holds(decision, request.decide())
  let cause: Reason | undefined
  const gone = new AbortController()
  const onClose = () => gone.abort()
  client.once('close', onClose)
  const forget = session.track({ stillAllowed, close: (reason) => ((cause = reason), client.destroy()) })
  let record: OpenRecord | undefined
  try {
    if (client.destroyed) gone.abort()
    const addresses = await dialer.resolve(name, { internal: decision.internal, partition: session.id }, gone.signal)
    record = await session.allow({ ...request.record, address: addresses[0] ?? null })
    const { upstream, address } = await dialFirst(request, { addresses, dialer }, gone.signal)
    answer(undefined)
    const passed = tunnel({ session, client, upstream, address, record, stillAllowed, status })
    forget()
    await passed
  } catch (error) {
    const failure = failureOf(error, name)
    const reason = cause ?? failure.reason
    if (record !== undefined) record.end({ reason, status: failure.status })
    else await session.deny({ ...request.record, address: addressOf(error) }, reason, failure.status)
    answer(failure)
  } finally {
    client.off('close', onClose)
    forget()
  }
}

/** Nobody looks inside: what opened it must hold as it did then, not be replaced by a rule under which somebody would. */
function holds(was: Allowed, is: Decision | undefined): boolean {
  return is?.verdict === 'allow' && is.tls === was.tls && (is.internal || !was.internal)
}

async function dialFirst(
  { name, port }: TunnelRequest,
  { addresses, dialer }: { addresses: readonly string[]; dialer: Dialer },
  signal: AbortSignal,
): Promise<{ upstream: Socket; address: string }> {
  let failure = new DialError('upstream-unreachable', `Cannot connect to ${name}: nobody waits for it`)
  for (const address of addresses.slice(0, MAX_TRIED)) {
    if (signal.aborted) break
    try {
      return { upstream: await dialer.connectTcp({ name, address, port }, signal), address }
    } catch (error) {
      if (!(error instanceof DialError)) throw error
      failure = error
    }
  }
  throw failure
}

function failureOf(error: unknown, name: string): TunnelFailure {
  if (error instanceof LedgerFailed)
    return { reason: 'ledger-failed', status: 503, sentence: 'The ledger cannot be written, so nothing goes out.' }
  if (!(error instanceof DialError))
    return { reason: 'upstream-unreachable', status: 502, sentence: `${name} cannot be reached.` }
  const refused = error.reason === 'private-address' || error.reason === 'self'
  return {
    reason: error.reason,
    status: refused ? 403 : 502,
    sentence: refused
      ? `${name} leads to an address that is not public; only a rule with "internal" opens such.`
      : `${name} cannot be reached: ${error.reason}.`,
  }
}

function addressOf(error: unknown): string | null {
  return error instanceof DialError ? (error.address ?? null) : null
}
