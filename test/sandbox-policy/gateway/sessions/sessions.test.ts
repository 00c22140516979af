import { expect, test } from 'vitest'
import { Refused } from '../../../../sandbox-policy/gateway/control/refused.ts'
import { FIRST_LEASE_MS } from '../../../../sandbox-policy/gateway/sandbox-session.ts'
import { LedgerFailed, type Guard } from '../../../../sandbox-policy/gateway/session.ts'
import { Policy } from '../../../../sandbox-policy/policy.ts'
import { ADDRESSES, configOf, startSessions } from './fixture.ts'

const HTTP = { layer: 'http', method: 'GET', path: '/a?token=1' } as const

function session(more: Parameters<typeof configOf>[0] = {}) {
  const all = startSessions()
  all.sessions.put(configOf(more))
  const found = all.sessions.find(ADDRESSES)
  if (!found) throw new Error('no session')
  return { ...all, session: found }
}

function guard(stillAllowed: () => boolean = () => true): Guard & { closed: string[] } {
  const closed: string[] = []
  return { stillAllowed, close: (reason) => closed.push(reason), closed }
}

const question = { kind: 'connect', name: 'allowed.test', port: 443, protocol: 'http' } as const

test.each([
  ['both addresses', ADDRESSES, true],
  ['both addresses, mapped to IPv6', { local: '::ffff:10.213.0.6', remote: '::ffff:10.213.0.2' }, true],
  ['another remote address', { local: '10.213.0.6', remote: '10.213.0.3' }, false],
  ['another local address', { local: '10.213.0.14', remote: '10.213.0.2' }, false],
  ['the addresses swapped', { local: '10.213.0.2', remote: '10.213.0.6' }, false],
  ['no address', { local: '', remote: '' }, false],
])('find() by %s', (_, addresses, found) => {
  const { sessions } = session()
  expect(sessions.find(addresses)?.id).toBe(found ? 's1' : undefined)
})

test('put() replaces in place, and closes what is no longer allowed before it returns', () => {
  const { sessions, session: live } = session()
  const allowed = guard()
  const refused = guard(() => live.policy.decide(question).verdict === 'allow')
  const broken = guard(() => {
    throw new Error('fault')
  })
  for (const each of [allowed, refused, broken]) live.track(each)
  sessions.put(configOf({ policyVersion: 2, policy: { policy: Policy.parse({}) } }))
  expect([allowed.closed, refused.closed, broken.closed]).toEqual([[], ['revoked'], ['revoked']])
  expect(sessions.find(ADDRESSES)).toBe(live)
  expect(live.policyVersion).toBe(2)
  expect(live.policy.decide(question).verdict).toBe('deny')
})

test('put() with another phase closes everything; with the same one, nothing that is allowed', () => {
  const { sessions, session: live } = session()
  const [first, second] = [guard(), guard()]
  live.track(first)
  sessions.put(configOf({ policyVersion: 2 }))
  expect(first.closed).toEqual([])
  const forget = live.track(second)
  forget()
  sessions.put(configOf({ policyVersion: 3, phase: 'agent' }))
  expect([first.closed, second.closed]).toEqual([['revoked'], []])
  expect(live.ended.aborted).toBe(false)
})

test('put() goes on to the other guards when one fails to close', () => {
  const { sessions, session: live, state } = session()
  const after = guard()
  live.track({ stillAllowed: () => false, close: () => expect.unreachable() })
  live.track(after)
  sessions.put(configOf({ phase: 'agent' }))
  expect(after.closed).toEqual(['revoked'])
  expect(state.logged).toEqual(['a guard failed to close'])
})

test('put() keeps the policy that holds when the new one is broken', () => {
  const compile = (input: { policy: Policy }) => {
    if (input.policy.preset === 'all') throw new Error('broken')
    return { source: input, decide: () => expect.unreachable(), tcpPorts: new Map() }
  }
  const { sessions } = startSessions({ compile })
  sessions.put(configOf())
  const live = sessions.find(ADDRESSES)
  const before = live?.policy
  const open = guard()
  live?.track(open)
  const broken = configOf({ policyVersion: 9, phase: 'agent', policy: { policy: Policy.parse({ preset: 'all' }) } })
  expect(() => sessions.put(broken)).toThrow(Refused)
  expect([live?.policy, live?.policyVersion, live?.phase, open.closed]).toEqual([before, 1, 'setup', []])
  expect(() => sessions.put({ ...broken, id: 's2', sandboxAddress: '10.213.0.3' })).toThrow(Refused)
  expect(sessions.find({ local: ADDRESSES.local, remote: '10.213.0.3' })).toBeUndefined()
})

test('put() refuses other addresses for a sandbox, and replaces the one that had an address pair', () => {
  const { sessions, session: live } = session()
  expect(() => sessions.put(configOf({ sandboxAddress: '10.213.0.3' }))).toThrow(/addresses/)
  expect(sessions.find(ADDRESSES)).toBe(live)
  sessions.put(configOf({ id: 's2' }))
  expect(live.ended.aborted).toBe(true)
  expect(sessions.find(ADDRESSES)?.id).toBe('s2')
  expect(sessions.size).toBe(1)
})

test('a lapsed lease ends the sandbox: it is not found, admits nothing, opens no record, and is unknown to the runner', async () => {
  const { sessions, session: live, state } = session()
  const open = guard()
  live.track(open)
  state.now = FIRST_LEASE_MS - 1
  sessions.expire()
  expect(sessions.find(ADDRESSES)).toBe(live)
  state.now = FIRST_LEASE_MS
  sessions.expire()
  expect([open.closed, live.ended.aborted]).toEqual([['revoked'], true])
  expect(sessions.find(ADDRESSES)).toBeUndefined()
  expect([live.admit('request'), live.openConnection(), live.countBytes(1)]).toEqual([false, undefined, false])
  await expect(live.allow(HTTP)).rejects.toThrow(LedgerFailed)
  const late = guard()
  live.track(late)
  expect(late.closed).toEqual(['revoked'])
  expect(sessions.renew({ ids: ['s1'], leaseMs: 1000 })).toEqual(['s1'])
  expect(sessions.find(ADDRESSES)).toBeUndefined()
})

test('a session whose lease is over lets nothing pass also when nobody has ended it yet', async () => {
  const { session: live, state } = session()
  expect([live.admit('dns'), live.countBytes(1)]).toEqual([true, true])
  state.now = FIRST_LEASE_MS
  expect([live.admit('dns'), live.countBytes(1), live.openConnection()]).toEqual([false, false, undefined])
  await expect(live.allow(HTTP)).rejects.toThrow(LedgerFailed)
})

test('find() ends a sandbox whose lease is over also when no timer came', () => {
  const { sessions, session: live, state } = session()
  state.now = FIRST_LEASE_MS
  expect(sessions.find(ADDRESSES)).toBeUndefined()
  expect(live.ended.aborted).toBe(true)
})

test('renew() lengthens the leases that it names, not the others', () => {
  const { sessions, state } = session()
  sessions.put(configOf({ id: 's2', sandboxAddress: '10.213.0.3' }))
  state.now = FIRST_LEASE_MS - 1
  expect(sessions.renew({ ids: ['s1', 'nobody'], leaseMs: 5000 })).toEqual(['nobody'])
  state.now = FIRST_LEASE_MS + 1000
  sessions.expire()
  expect(sessions.all().map(({ id }) => id)).toEqual(['s1'])
})

test('a sandbox that lapsed can come back as a new session, and its seqs go on', async () => {
  const { sessions, session: live, state, records } = session()
  ;(await live.allow(HTTP)).end({})
  state.now = FIRST_LEASE_MS
  sessions.expire()
  sessions.put(configOf({ seqAfter: 1 }))
  const again = sessions.find(ADDRESSES)
  expect(again).not.toBe(live)
  expect((await again?.allow(HTTP))?.seq).toBe(2)
  expect(records.map(({ seq }) => seq)).toEqual([1, 1, 2])
})

test('allow() opens a record and end() completes it once, under the same seq', async () => {
  const { session: live, state, records } = session({ seqAfter: 41 })
  const record = await live.allow({ ...HTTP, asked: 'Allowed.test', host: 'allowed.test', port: 443, rule: 'allow[0]' })
  state.now = 12.4
  record.end({ status: 200, bytesUp: 10, bytesDown: 20 })
  record.end({ status: 500, reason: 'revoked' })
  const head = {
    seq: 42,
    sandbox: 's1',
    attempt: 'a1',
    phase: 'setup',
    verdict: 'allow',
    rule: 'allow[0]',
    policyVersion: 1,
  }
  expect(records).toEqual([
    expect.objectContaining({ ...head, path: '/a?token=1', status: null, ms: null, bytesDown: 0, reason: null }),
    expect.objectContaining({
      ...head,
      path: '/a?token=1',
      status: 200,
      ms: 12,
      bytesUp: 10,
      bytesDown: 20,
      reason: null,
    }),
  ])
})

test('allow() that ends while it is written completes the record and rejects: nothing goes out', async () => {
  const { sessions, session: live, records } = session()
  const opening = live.allow(HTTP)
  const removed = sessions.remove('s1')
  await expect(opening).rejects.toThrow(LedgerFailed)
  await removed
  expect(records.map(({ seq, reason }) => [seq, reason])).toEqual([
    [1, null],
    [1, 'revoked'],
  ])
})

test('allow() rejects and deny() resolves when the ledger cannot be written', async () => {
  const { session: live, state, records } = session()
  state.fails = true
  await expect(live.allow(HTTP)).rejects.toThrow(LedgerFailed)
  await live.deny(HTTP, 'host')
  expect(records).toEqual([])
})

test('deny() writes one complete record; queries are redacted when the settings say so, live', async () => {
  const { session: live, state, records } = session()
  await live.deny(HTTP, 'method', 403)
  state.redactQueries = true
  await live.deny(HTTP, 'path')
  expect(records).toEqual([
    expect.objectContaining({ seq: 1, verdict: 'deny', reason: 'method', status: 403, ms: 0, path: '/a?token=1' }),
    expect.objectContaining({ seq: 2, verdict: 'deny', reason: 'path', status: null, ms: 0, path: '/a?[7 bytes]' }),
  ])
})

test('deny() does not let a flood of rate refusals fill the ledger', async () => {
  const { session: live, state, records } = session()
  for (let count = 0; count < 1000; count++) await live.deny(HTTP, 'rate')
  expect(records).toHaveLength(20)
  await live.deny(HTTP, 'host')
  expect(records).toHaveLength(21)
  state.now += 1000
  await live.deny(HTTP, 'rate')
  expect(records).toHaveLength(22)
})

test('remove() closes all, waits for records, completes those that nobody ends, and says the last position', async () => {
  const { sessions, session: live, records } = session()
  const [own, orphan] = [await live.allow(HTTP), await live.allow(HTTP)]
  live.track({ stillAllowed: () => true, close: (reason) => setImmediate(() => own.end({ status: 200, reason })) })
  const [first, second] = await Promise.all([sessions.remove('s1'), sessions.remove('s1')])
  expect([first, second]).toEqual([4, 4])
  expect(sessions.find(ADDRESSES)).toBeUndefined()
  expect(records.slice(2).map(({ seq, status, reason }) => [seq, status, reason])).toEqual([
    [own.seq, 200, 'revoked'],
    [orphan.seq, null, 'revoked'],
  ])
  expect(await sessions.remove('s1')).toBe(4)
})

test('the model is granted in the agent phase only', () => {
  const model = { wire: 'chat' } as never
  const { sessions, session: live } = session({ model })
  expect(live.model).toBeUndefined()
  sessions.put(configOf({ phase: 'agent', model }))
  expect(live.model).toBe(model)
})
