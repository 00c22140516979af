import { describe, expect, test } from 'vitest'
import { AGENTS } from '../../../runner/agent/agents.ts'
import { runAgent } from '../../../runner/agent/run-agent.ts'
import type { AgentInput } from '../../../runner/agent/run-agent.ts'
import { AttemptFailure } from '../../../runner/failure.ts'
import { fakeSandboxes } from '../../../runner/sandbox/fake.ts'
import type { FakeExec, FakeScript } from '../../../runner/sandbox/fake.ts'
import { deferred } from '../../../runner/deferred.ts'
import { aJob } from '../../support/job.ts'

const NEVER = new AbortController().signal
const SESSION = '01a20308-e365-7dd2-bacf-e4141824a010'
const line = (value: unknown) => `${JSON.stringify(value)}\n`
const DONE = line({ type: 'turn.completed', usage: {} })
const message = (text: string) => line({ type: 'item.completed', item: { id: 'item_0', type: 'agent_message', text } })

const isStop = ({ spec }: FakeExec) => spec.command.some((word) => word.includes('kill -s'))

async function world(script: FakeScript, changes: Partial<AgentInput> = {}) {
  const sandboxes = fakeSandboxes(script)
  const spec = { image: 'i', owner: { installation: 'i', attempt: 'a', claim: 1 }, mounts: [], lifetimeMs: 1 }
  const sandbox = sandboxes.create({ ...spec, resources: { memoryMiB: 1, cpus: 1, pids: 1, diskMiB: 1 } })
  await sandbox.start(NEVER)
  const events: { kind: string; payload: Record<string, unknown> }[] = []
  const sessions: string[] = []
  const input: AgentInput = {
    sandbox,
    adapter: AGENTS.codex,
    job: aJob({ task: { agent: 'codex' } }),
    log: { write: async (_phase, kind, payload) => void events.push({ kind, payload }) },
    heard: () => {},
    model: { model: 'm', gatewayUrl: 'http://model.drydock.internal/v1' },
    program: { id: 'codex', version: '1.2.3', sha256: 'abc', mount: { host: '/h', target: '/t' }, argv0: '/t/codex' },
    onSession: (id) => void sessions.push(id),
    graceMs: 2000,
    ...changes,
  }
  return { input, events, sessions, calls: sandboxes.made[0]?.calls ?? [] }
}

const noticesOf = (events: { kind: string; payload: Record<string, unknown> }[]) =>
  events.flatMap(({ kind, payload }) => (kind === 'notice' ? [payload.message] : []))

describe('runAgent()', () => {
  test('resolves to the last message, tells of the session, and records the program', async () => {
    const { input, events, sessions } = await world({
      async exec({ out }) {
        await out(line({ type: 'thread.started', thread_id: SESSION }))
        await out(message('One.') + message('The answer.') + DONE)
        return { code: 0 }
      },
    })
    expect(await runAgent(input, NEVER)).toEqual({ ok: true, answer: 'The answer.' })
    expect(sessions).toEqual([SESSION])
    expect(noticesOf(events)).toEqual(['The agent is codex 1.2.3 (sha256 abc)'])
  })

  test.each([
    [0, '', 'ended without saying that it is done'],
    [1, line({ type: 'turn.failed', error: { message: 'no room' } }), 'ended with exit code 1: no room'],
    [null, DONE, 'was killed'],
    [127, '', 'does not start in this image'],
  ])('is a failure with exit code %s and %j', async (code, said, words) => {
    const { input } = await world({ exec: ({ out }) => out(said).then(() => ({ code })) })
    expect(await runAgent(input, NEVER)).toMatchObject({ ok: false, message: expect.stringContaining(words) })
  })

  test('reads events that are longer than a line of the log', async () => {
    const text = 'x'.repeat(100_000)
    const { input } = await world({ exec: ({ out }) => out(message(text) + DONE).then(() => ({ code: 0 })) })
    expect(await runAgent(input, NEVER)).toEqual({ ok: true, answer: text })
  })

  test('on abort asks the agent to end, keeps what it says then, and rejects with the reason', async () => {
    const stop = new AbortController()
    const asked = deferred<undefined>()
    const { input, events, calls } = await world({
      async exec(call) {
        if (isStop(call)) {
          asked.resolve(undefined)
          return { code: 0 }
        }
        stop.abort(new Error('cancelled'))
        await asked.promise
        await call.out(message('Last words.'))
        return { code: 1 }
      },
    })
    await expect(runAgent(input, stop.signal)).rejects.toThrow('cancelled')
    expect(events.filter(({ kind }) => kind === 'message')).toHaveLength(1)
    expect(noticesOf(events)).toContain('The agent is asked to end (SIGINT)')
    // What it left behind is killed, too.
    expect(calls.at(-1)).toBe('killAll')
  })

  test('on abort kills an agent that does not listen', async () => {
    const stop = new AbortController()
    const killed = deferred<{ code: null }>()
    const { input, calls, events } = await world(
      {
        async exec(call) {
          if (isStop(call)) return { code: 0 }
          await call.out(
            line({ type: 'item.started', item: { id: 'item_0', type: 'command_execution', command: 'x' } }),
          )
          stop.abort(new AttemptFailure('no-output:agent', 'silent'))
          return killed.promise
        },
        killAll: () => killed.resolve({ code: null }),
      },
      { graceMs: 50 },
    )
    await expect(runAgent(input, stop.signal)).rejects.toThrow('silent')
    expect(calls.filter((call) => call === 'killAll')).toHaveLength(1)
    expect(noticesOf(events).at(-1)).toMatch(/its model may not answer$/)
    expect(events.at(-1)).toMatchObject({ kind: 'command', payload: { status: 'lost' } })
  })

  test('settles also when the engine does not answer any more', async () => {
    const stop = new AbortController()
    const { input } = await world(
      {
        exec: (call) => {
          if (!isStop(call)) stop.abort(new Error('gone'))
          return new Promise(() => {})
        },
        killAll: () => Promise.reject(new Error('no engine')),
      },
      { graceMs: 50 },
    )
    await expect(runAgent(input, stop.signal)).rejects.toThrow('gone')
  })

  test('starts nothing after an abort', async () => {
    const { input, calls } = await world({})
    await expect(runAgent(input, AbortSignal.abort(new Error('early')))).rejects.toThrow('early')
    expect(calls).toEqual(['start'])
  })
})
