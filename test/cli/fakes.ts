import type { CliContext } from '../../cli/context.ts'

export type Call = { method: string; path: string; headers: Headers; body: unknown }
type Answer = Response | (() => Response | Promise<Response>)

export type FakeWorld = {
  context: CliContext
  calls: Call[]
  out: () => string
  err: () => string
  interrupt: () => void
}

/** A world for commands: a server that is a table of answers, and ears for what is written. */
export function fakeWorld(
  answers: Record<string, Answer | Answer[]> = {},
  overrides: Partial<CliContext> = {},
): FakeWorld {
  const calls: Call[] = []
  const written = { out: '', err: '' }
  const interrupt = new AbortController()
  const output = (name: 'out' | 'err') => ({
    write: (text: string | Uint8Array) =>
      void (written[name] += typeof text === 'string' ? text : new TextDecoder().decode(text)),
    isTerminal: false,
    columns: Infinity,
  })
  const context: CliContext = {
    config: () => ({ url: new URL('http://drydock.test'), token: 'dd_test', tokenFile: '/nowhere' }),
    out: output('out'),
    err: output('err'),
    stdin: noInput({ isTerminal: true }),
    cwd: '/',
    env: {},
    program: 'bin/drydock',
    fetch: (async (input: URL, init: RequestInit) => {
      const path = `${input.pathname.replace('/api/v1', '')}${input.search}`
      const method = init.method ?? 'GET'
      const sent: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined
      calls.push({ method, path, headers: new Headers(init.headers), body: sent })
      const found = answers[`${method} ${path}`]
      const answer = Array.isArray(found) ? (found.length > 1 ? found.shift() : found[0]) : found
      if (answer === undefined) throw new Error(`the test has no answer to ${method} ${path}`)
      const response = typeof answer === 'function' ? await answer() : answer.clone()
      // Like the real one, the body ends with an error when the signal says so.
      const body = response.body?.pipeThrough(new TransformStream(), {
        signal: init.signal ?? new AbortController().signal,
      })
      return new Response(body, response)
    }) as typeof fetch,
    signal: interrupt.signal,
    ...overrides,
  }
  return { context, calls, out: () => written.out, err: () => written.err, interrupt: () => interrupt.abort() }
}

/** Standard input of which nothing comes but what a test gives. */
export const noInput = (given: Partial<CliContext['stdin']> = {}): CliContext['stdin'] => ({
  isTerminal: false,
  read: async () => '',
  ask: () => Promise.reject(new Error('nobody is there to ask')),
  ...given,
})

export const json = (value: unknown, status = 200) => Response.json(value, { status })

export function problem(status: number, code: string, detail: string): Response {
  return Response.json({ type: `urn:${code}`, title: code, status, code, detail }, { status })
}

export function sse(...events: { seq: number; [key: string]: unknown }[]): string {
  return events.map((event) => `id: ${event.seq}\ndata: ${JSON.stringify(event)}\n\n`).join('')
}

export const END = 'event: end\ndata: {}\n\n'

export function attempt(overrides: Record<string, unknown> = {}) {
  return {
    id: 'a1',
    n: 1,
    state: 'succeeded',
    reason: null,
    message: null,
    phases: [],
    answer: null,
    diff: { files: 1, additions: 1, deletions: 0 },
    flagged: [],
    branch: 'drydock/x-a1',
    commit: 'c'.repeat(40),
    pullRequest: null,
    publish: { state: 'none', reason: null },
    usage: { inputTokens: 0, outputTokens: 0, seconds: 1 },
    agentVersion: null,
    network: null,
    start: null,
    startedAt: null,
    finishedAt: null,
    ...overrides,
  }
}

export function task(overrides: Record<string, unknown> = {}, attempts = [attempt()]) {
  return {
    id: 't1',
    title: 'Mend it',
    mode: 'code',
    environment: 'e1',
    environmentName: 'shop',
    product: 'cli',
    creator: 'u1',
    creatorName: 'Ann',
    state: 'succeeded',
    createdAt: '2026-01-01T00:00:00.000Z',
    branch: null,
    agent: 'command',
    turns: [{ id: 'n1', prompt: 'Mend it', images: 0, attempts }],
    ...overrides,
  }
}
