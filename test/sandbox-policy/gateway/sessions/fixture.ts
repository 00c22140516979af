import { DEFAULT_SANDBOX_LIMITS, type SandboxConfig } from '../../../../sandbox-policy/control.ts'
import { compilePolicy } from '../../../../sandbox-policy/compile.ts'
import type { Counter } from '../../../../sandbox-policy/gateway/ledger/backlog.ts'
import { lineOf } from '../../../../sandbox-policy/gateway/ledger/line.ts'
import { LedgerFailed } from '../../../../sandbox-policy/gateway/session.ts'
import { Sessions, type SessionsDeps } from '../../../../sandbox-policy/gateway/sessions.ts'
import type { LedgerRecord } from '../../../../sandbox-policy/ledger.ts'
import { Policy } from '../../../../sandbox-policy/policy.ts'

export const ADDRESSES = { local: '10.213.0.6', remote: '10.213.0.2' }

export function configOf(more: Partial<SandboxConfig> = {}): SandboxConfig {
  return {
    id: 's1',
    attempt: 'a1',
    phase: 'setup',
    gatewayAddress: ADDRESSES.local,
    sandboxAddress: ADDRESSES.remote,
    policyVersion: 1,
    policy: { policy: Policy.parse({ allow: [{ host: 'allowed.test' }] }) },
    credentials: {},
    repositories: [],
    limits: DEFAULT_SANDBOX_LIMITS,
    seqAfter: 0,
    ...more,
  }
}

/** A ledger in memory that can be told to fail, and a clock that moves by hand. */
export function startSessions(more: Partial<SessionsDeps> = {}) {
  const records: LedgerRecord[] = []
  const state = { now: 0, fails: false, redactQueries: false, changes: 0, crowded: false, logged: [] as string[] }
  const write = (seq: number, members: string) =>
    records.push((JSON.parse(lineOf(records.length + 1, seq, members)) as { record: LedgerRecord }).record)
  const counters = new Map<string, Counter>()
  const sessions = new Sessions({
    spool: {
      counterOf: (id, seqAfter) => {
        const counter = counters.get(id) ?? { last: 0 }
        counter.last = Math.max(counter.last, seqAfter)
        counters.set(id, counter)
        return counter
      },
      open: async (counter, members) => {
        await Promise.resolve()
        if (state.fails) throw new LedgerFailed('full')
        write(++counter.last, members)
        return counter.last
      },
      complete: write,
      get crowded() {
        return state.crowded
      },
      forget: (id) => counters.delete(id),
      flush: async () => {},
      get lastPosition() {
        return records.length
      },
    },
    settings: () => state,
    compile: compilePolicy,
    clock: () => state.now,
    onChange: () => state.changes++,
    log: (message) => state.logged.push(message),
    ...more,
  })
  return { sessions, records, state }
}
