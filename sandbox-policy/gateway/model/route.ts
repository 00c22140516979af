import { LOCAL_ID, MODEL_HOST, type LocalRequest, type ModelGrant, type ModelUsage } from '../../control.ts'
import type { InternalHandler, InternalRequest } from '../http/internal.ts'
import { LedgerFailed, type Session } from '../session.ts'
import { DialError, type Dialer } from '../upstream/dialer.ts'
import { checkBody, type CheckedBody, type Endpoint } from './body/checked-body.ts'
import { Budgets, type Budget, type Over, type Reservation } from './budget.ts'
import { askedOf } from './endpoint.ts'
import { Exchange } from './exchange.ts'
import { Lifeline } from './lifeline.ts'
import { BodyReader } from './read-body.ts'
import { Refusal, errorAnswer } from './refusal.ts'
import { Slots } from './slots.ts'

export type ModelRoute = {
  /** Answers requests to `http://model.drydock.internal/`. */
  handle: InternalHandler
  /** Tokens of a sandbox, also after it is gone. `grant`: what it has, if it has asked for nothing so far. */
  usage: (sandbox: string, grant?: ModelGrant) => ModelUsage
}

type State = { dialer: Dialer; budgets: Budgets; bodies: BodyReader; slots: WeakMap<Session, Slots> }

/** The way from sandboxes to their model's provider: the key is added here, and nothing but inference passes (R12). */
export function createModelRoute({ dialer }: { dialer: Dialer }): ModelRoute {
  const state: State = { dialer, budgets: new Budgets(), bodies: new BodyReader(), slots: new WeakMap() }
  return {
    handle: (request) => handle(request, state),
    usage: (sandbox, grant) => state.budgets.usage(sandbox, grant?.budgetTokens ?? null),
  }
}

async function handle(request: InternalRequest, state: State): Promise<void> {
  const { session, method, target } = request
  const grant = session.phase === 'agent' ? session.model : undefined
  try {
    if (grant === undefined) {
      throw new Refusal(403, 'off', 'There is no model for this sandbox; it has one only while the agent runs.')
    }
    const asked = askedOf(grant, method, target)
    if (asked.kind === 'forward') await forward(request, { endpoint: asked.endpoint, grant }, state)
    else await answerHere(request, asked.body)
  } catch (error) {
    // The exchange has answered for itself, or the client is gone.
    if (!(error instanceof Refusal)) throw error
    const record = { layer: 'http', asked: MODEL_HOST, host: MODEL_HOST, port: 80, method, path: target } as const
    await session.deny({ ...record, rule: grant === undefined ? null : 'model' }, error.reason, error.status)
    await answerRefused(request, grant, error)
  }
}

async function answerHere(request: InternalRequest, body: string): Promise<void> {
  const { session, method, target } = request
  const record = { layer: 'http', asked: MODEL_HOST, host: MODEL_HOST, port: 80, method, path: target } as const
  const open = await session.allow({ ...record, rule: 'model' }).catch((error: unknown) => {
    throw error instanceof LedgerFailed ? ledgerRefusal(error) : error
  })
  try {
    await request.respond(200, { 'content-type': 'application/json' }, body)
  } finally {
    open.end({ status: 200, bytesDown: method === 'HEAD' ? 0 : Buffer.byteLength(body) })
  }
}

type Forwarded = { endpoint: Endpoint; grant: ModelGrant }

/** Rejects with Refusal when nothing is on the ledger yet. */
async function forward(request: InternalRequest, { endpoint, grant }: Forwarded, state: State): Promise<void> {
  const { session } = request
  using lifeline = new Lifeline()
  lifeline.follow(request.signal)
  lifeline.after(grant.totalMs, () => new Refusal(504, 'upstream-unreachable', 'This model request took too long.'))
  lifeline.add(
    session.track({
      stillAllowed: () => isSame(session.phase === 'agent' ? session.model : undefined, grant),
      close: (reason) => lifeline.cut(new Refusal(403, reason, 'This sandbox may not use the model any more.')),
    }),
  )
  const giveBack = await slotsOf(session, state).take(grant.concurrency, lifeline.signal)
  let reservation: Reservation | undefined
  try {
    const body = await readChecked(request, { endpoint, grant, lifeline }, state)
    reservation = await reserve(request, { endpoint, grant, body, lifeline }, state)
    const exchange = new Exchange(request, endpoint, { dialer: state.dialer, grant, lifeline })
    await converse(request, { exchange, body, grant, reservation, lifeline })
  } finally {
    reservation?.settle(undefined)
    giveBack()
  }
}

type Conversation = {
  exchange: Exchange
  body: CheckedBody
  grant: ModelGrant
  reservation: Reservation | undefined
  lifeline: Lifeline
}

/** Sends the request and passes the answer on. Before the record is open a refusal is the caller's, after it ours. */
async function converse(
  request: InternalRequest,
  { exchange, body, grant, reservation, lifeline }: Conversation,
): Promise<void> {
  let failure: Refusal | undefined
  let begun = false
  const note = (error: unknown): unknown => {
    const cause = causeOf(error, lifeline)
    failure ??= cause instanceof Refusal ? cause : undefined
    return cause
  }
  try {
    const head = await exchange.send(body, reservation)
    begun = true
    await request.respond(head.status, head.headers, noting(exchange.answer(head), note))
  } catch (error) {
    // An answer that has begun is cut by this; why, stands on its record.
    if (begun) throw new Error('The answer of the provider was cut short', { cause: error })
    const cause = note(error)
    if (failure === undefined || !exchange.recorded) throw cause
    await answerRefused(request, grant, failure)
  } finally {
    exchange.end(reservation, failure)
  }
}

async function* noting<T>(source: AsyncIterable<T>, note: (error: unknown) => void): AsyncGenerator<T> {
  try {
    yield* source
  } catch (error) {
    note(error)
    throw error
  }
}

async function readChecked(
  { session, headers, body }: InternalRequest,
  { endpoint, grant, lifeline }: Forwarded & { lifeline: Lifeline },
  { bodies }: State,
): Promise<CheckedBody> {
  const type = headers.get('content-type') ?? ''
  if (!/^application\/json(?: *;|$)/i.test(type))
    throw new Refusal(415, 'header', 'A model request must be application/json.')
  if (!/^(?:identity)?$/i.test(headers.get('content-encoding') ?? '')) {
    throw new Refusal(415, 'header', 'A model request must come without content-encoding.')
  }
  const declared = headers.get('content-length')
  const length = declared === undefined ? undefined : Number(declared)
  const { bytes, release } = await bodies.read(body, { sandbox: session.id, length }, lifeline.signal)
  // What is parsed lives on until it is sent; its bytes stand for it.
  lifeline.add(release)
  return checkBody(endpoint, bytes, grant)
}

/** Undefined: costs nothing. */
async function reserve(
  request: InternalRequest,
  { endpoint, grant, body, lifeline }: Forwarded & { body: CheckedBody; lifeline: Lifeline },
  { budgets }: State,
): Promise<Reservation | undefined> {
  const budget = budgetOf(request, { grant, budgets })
  if (endpoint === 'count_tokens') return undefined
  const { inputEstimate, answers, askedOutput = grant.maxOutputTokens } = body
  const maxOutput = Math.min(askedOutput, grant.maxOutputTokens)
  return budget.reserve({ inputEstimate, answers, maxOutput }, lifeline.signal)
}

const OF_PERSON: Over = {
  status: 429,
  sentence:
    'Your token budget is used up, or what is left does not hold this request. It is renewed with the next day or month; an administrator can raise it.',
  isFinal: false,
}

function budgetOf(
  { session, local }: { session: Session; local?: LocalRequest },
  { grant, budgets }: { grant: ModelGrant; budgets: Budgets },
): Budget {
  if (local === undefined) return budgets.of(session.id, grant.budgetTokens)
  // All wires of a person count together.
  const key = `${LOCAL_ID} ${local.person} ${local.budget?.period ?? ''}`
  return budgets.of(key, local.budget?.left ?? null, OF_PERSON)
}

function slotsOf(session: Session, { slots }: State): Slots {
  const known = slots.get(session) ?? new Slots()
  slots.set(session, known)
  return known
}

async function answerRefused(request: InternalRequest, grant: ModelGrant | undefined, refusal: Refusal): Promise<void> {
  const { headers, body } = errorAnswer(grant?.wire, refusal)
  await request.respond(refusal.status, headers, request.method === 'HEAD' ? '' : body)
}

/** What is under way may go on under the new grant. */
function isSame(now: ModelGrant | undefined, then: ModelGrant): boolean {
  return (
    now !== undefined &&
    now.baseUrl === then.baseUrl &&
    now.wire === then.wire &&
    now.internal === then.internal &&
    then.features.every((feature) => now.features.includes(feature))
  )
}

/** Why an exchange ended: what cut it, or else what went wrong upstream. */
function causeOf(error: unknown, { signal }: Lifeline): unknown {
  if (signal.aborted) return signal.reason
  if (error instanceof Refusal || error instanceof LedgerFailed) return ledgerRefusal(error)
  const reason = error instanceof DialError ? error.reason : 'upstream-unreachable'
  return new Refusal(502, reason, 'Drydock cannot reach the model’s provider, or lost it.')
}

function ledgerRefusal(error: Refusal | LedgerFailed): Refusal {
  if (error instanceof Refusal) return error
  return new Refusal(503, 'ledger-failed', 'Drydock cannot write its ledger, so nothing goes out.')
}
