import { beforeAll, describe, expect, test } from 'vitest'
import type { AgentProgram } from '../../../runner/agent/program.ts'
import type { Sandbox } from '../../../runner/sandbox/sandbox.ts'
import { restoreSession, saveSession } from '../../../runner/sessions/sessions.ts'
import { NEVER, sh } from '../sandbox/harness.ts'
import { payloads, PIXEL, useAgent } from './harness.ts'
import type { Told } from './harness.ts'

/** Headers of a request in which a key could be, as the model got them. */
const KEY_HEADERS = ['authorization', 'x-api-key', 'api-key', 'cookie'] as const

type Expected = { keys: readonly string[] }

/** The way of a task through a real agent: Code, Ask, and a follow-up in another sandbox. */
export function agentStory(id: AgentProgram['id'], { keys }: Expected) {
  const agent = useAgent(id)

  describe('a Code task', () => {
    let sandbox: Sandbox
    let told: Told
    beforeAll(async () => {
      sandbox = await agent.sandbox()
      agent.model.reset()
      told = await agent.run(sandbox, { prompt: `-x [[code]] ${'long '.repeat(40_000)}` })
    })

    test('ends well with the last message as its answer', () => {
      expect(told.outcome).toEqual({ ok: true, answer: 'Added `hello.txt` and updated `README.md`.' })
    })

    test('edits files', async () => {
      const { stdout } = await sh(sandbox, 'cd /workspace && git status --short && cat hello.txt README.md')
      expect(stdout).toBe(' M README.md\n?? hello.txt\nhello\nworld\nhi there\n')
    })

    test('shows its commands and changes', () => {
      const commands = payloads(told, 'command').filter(({ phase }) => phase === 'end')
      expect(commands).toContainEqual(expect.objectContaining({ status: 'failed', exitCode: 1 }))
      expect(commands).toContainEqual(expect.objectContaining({ status: 'ok', exitCode: 0 }))
      const changed = payloads(told, 'files').filter(({ status }) => status === 'ok')
      expect(changed.map(({ changes }) => changes)).toContainEqual([{ path: '/workspace/hello.txt', kind: 'add' }])
      expect(payloads(told, 'raw')).toEqual([])
      expect(payloads(told, 'usage').length).toBeGreaterThan(0)
    })

    test('gives the model the whole prompt and AGENTS.md, and no key', () => {
      const bodies = agent.model.requests.map(({ body }) => body)
      expect(bodies.some((body) => body.includes('long '.repeat(40_000).trim()))).toBe(true)
      expect(bodies.some((body) => body.includes('MARKER-OF-AGENTS-MD'))).toBe(true)
      const sent = agent.model.requests.flatMap(({ headers }) => KEY_HEADERS.map((name) => headers[name]))
      expect([...new Set(sent.filter(Boolean))]).toEqual(keys)
    })

    test('asks for nothing but inference', () => {
      const paths = agent.model.requests.map(({ method, path }) => `${method} ${path}`)
      expect(
        [...new Set(paths)].filter(
          (path) => !/^(POST \/v1\/(responses|chat\/completions|messages)|HEAD \/)$/.test(path),
        ),
      ).toEqual([])
    })

    test('is gone on with in another sandbox from its session', async () => {
      const archive = await saveSession({ sandbox, adapter: agent.adapter }, NEVER)
      expect(archive?.length).toBeGreaterThan(1000)
      const next = await agent.sandbox()
      await restoreSession({ sandbox: next, adapter: agent.adapter, archive: archive ?? new Uint8Array() }, NEVER)
      await sh(next, 'printf "hello\\nworld\\n" > /workspace/hello.txt')
      agent.model.reset()
      const resume = { sessionId: told.sessionId ?? '' }
      const followed = await agent.run(next, { prompt: '[[follow]]', model: { resume } })
      expect(followed.outcome).toEqual({ ok: true, answer: 'As I said before, `hello.txt` is there.' })
      expect(followed.sessionId).toBe(told.sessionId)
      // The model is told of the turn before.
      expect(agent.model.requests.some(({ body }) => body.includes('Added `hello.txt` and updated'))).toBe(true)
    })
  })

  test('an Ask task answers, sees pictures, and knows that it is a question', async () => {
    const sandbox = await agent.sandbox()
    agent.model.reset()
    const images = [{ mediaType: 'image/png', bytes: PIXEL } as const]
    const { outcome } = await agent.run(sandbox, { prompt: '[[ask]]', mode: 'ask', model: { images } })
    expect(outcome).toMatchObject({ ok: true, answer: expect.stringContaining('See README.md:1.') })
    const bodies = agent.model.requests.map(({ body }) => body).join('\n')
    expect(bodies).toContain('This is a question about the repository.')
    expect(bodies).toContain(PIXEL.toString('base64'))
  })

  return agent
}
