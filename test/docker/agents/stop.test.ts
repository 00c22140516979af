import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { restoreSession, saveSession } from '../../../runner/sessions/sessions.ts'
import { NEVER, sh } from '../sandbox/harness.ts'
import { CAN_LISTEN, useAgent } from './harness.ts'

describe.skipIf(!CAN_LISTEN).each([
  ['codex', 5000],
  ['claude', 5000],
  ['opencode', 5000],
] as const)('%s that is stopped', (id, withinMs) => {
  const agent = useAgent(id)

  test('under a model that never answers ends within the grace, and nothing of it runs', async () => {
    const sandbox = await agent.sandbox()
    agent.model.reset()
    const stop = new AbortController()
    const running = agent.run(sandbox, { prompt: '[[hang]]', signal: stop.signal })
    while (agent.model.requests.length === 0) await delay(20)
    stop.abort(new Error('enough'))
    const since = Date.now()
    await expect(running).rejects.toThrow('enough')
    expect(Date.now() - since).toBeLessThan(withinMs)
    const { stdout } = await sh(sandbox, 'ls /proc | grep -c "^[0-9]"', { user: 'root' })
    // PID 1, the keeper, and the three of this look.
    expect(Number(stdout)).toBeLessThanOrEqual(5)
  })
})

describe.skipIf(!CAN_LISTEN)('codex that is stopped under a command', () => {
  const agent = useAgent('codex')

  test('loses the command, and leaves a session to go on with', async () => {
    const sandbox = await agent.sandbox()
    const stop = new AbortController()
    let sessionId = ''
    const commands: unknown[] = []
    const onEvent = (kind: string, payload: Record<string, unknown>) => {
      if (kind === 'session') sessionId = String(payload.id)
      if (kind !== 'command') return
      commands.push(payload.status)
      if (commands.length === 1) stop.abort(new Error('enough'))
    }
    await expect(agent.run(sandbox, { prompt: '[[slow]]', signal: stop.signal, onEvent })).rejects.toThrow('enough')
    expect(commands).toEqual(['running', 'lost'])

    const archive = await saveSession({ sandbox, adapter: agent.adapter }, NEVER)
    const next = await agent.sandbox()
    await restoreSession({ sandbox: next, adapter: agent.adapter, archive: archive ?? new Uint8Array() }, NEVER)
    const { outcome } = await agent.run(next, { prompt: '[[hello]]', model: { resume: { sessionId } } })
    expect(outcome.ok).toBe(true)
    expect(agent.model.requests.at(-1)?.body).toContain('[[slow]]')
  })
})
