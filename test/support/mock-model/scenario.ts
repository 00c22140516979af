export type Write = { path: string; content: string }
export type Edit = { path: string; old: string; new: string }
export type PlanItem = { step: string; status: 'pending' | 'in_progress' | 'completed' }
export type Usage = { input: number; cached: number; output: number; reasoning: number }

/** What the model does in answer to one request, in words that are translated to whatever tools the agent offers. */
export type Step = {
  think?: string
  say?: string
  run?: readonly string[]
  read?: readonly string[]
  write?: readonly Write[]
  edit?: readonly Edit[]
  plan?: readonly PlanItem[]
  usage?: Partial<Usage>
  delayMs?: number
  /** The answer waits for it, so that a test can look at an agent at work. */
  hold?: Promise<void>
  /** Faults. `times`: only so often, then the step goes on as it should. */
  httpError?: { status: number; headers?: Record<string, string>; body?: unknown; times?: number }
  streamError?: { code: string; message: string }
  drop?: { times?: number }
  hang?: true
}

/** Chosen by the last user text that holds `[[name]]`. */
export type Scenario = { name: string; steps: readonly Step[] }

export const DEFAULT_USAGE: Usage = { input: 1200, cached: 200, output: 80, reasoning: 16 }

const error = (message: string, type: string, code: string) => ({ error: { message, type, code } })

/** The first is played where none is named. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'hello', steps: [{ say: 'Hello from the mock model.' }] },
  {
    name: 'code',
    steps: [
      {
        think: '**Looking around**\n\nI should see what is here first.',
        say: 'I will look at the repository, then add the file.',
        plan: [
          { step: 'Look around', status: 'in_progress' },
          { step: 'Add hello.txt', status: 'pending' },
        ],
      },
      { run: ['ls -la && git log --oneline | head -3'] },
      { run: ['cat does-not-exist.txt'] },
      { write: [{ path: 'hello.txt', content: 'hello\nworld\n' }] },
      { read: ['README.md'] },
      { edit: [{ path: 'README.md', old: 'hi', new: 'hi there' }] },
      {
        plan: [
          { step: 'Look around', status: 'completed' },
          { step: 'Add hello.txt', status: 'completed' },
        ],
      },
      {
        say: 'Added `hello.txt` and updated `README.md`.',
        usage: { input: 2400, cached: 1200, output: 160, reasoning: 32 },
      },
    ],
  },
  {
    name: 'ask',
    steps: [
      { run: ['git ls-files', 'cat README.md'] },
      { say: 'The repository holds one file, `README.md`.\n\nSee README.md:1.' },
    ],
  },
  {
    name: 'follow',
    steps: [{ run: ['cat hello.txt'] }, { say: 'As I said before, `hello.txt` is there.' }],
  },
  {
    // Files: one line of environment for each process that it can read, and what its own shell has.
    name: 'secrets',
    steps: [
      {
        run: [
          'env; cat /proc/[0-9]*/environ 2>/dev/null | tr "\\000" "\\n"; cat /agent-home/.[!.]* 2>/dev/null | head -c 60000',
        ],
      },
      { say: 'Looked.' },
    ],
  },
  {
    name: 'slow',
    steps: [{ run: ['for i in 1 2 3 4 5 6 7 8 9; do echo tick $i; sleep 1; done'] }, { say: 'Waited.' }],
  },
  { name: 'hang', steps: [{ hang: true }] },
  {
    name: 'err400',
    steps: [{ httpError: { status: 400, body: error('mock: bad request', 'invalid_request_error', 'bad_request') } }],
  },
  {
    name: 'err401',
    steps: [{ httpError: { status: 401, body: error('mock: bad key', 'authentication_error', 'invalid_api_key') } }],
  },
  {
    name: 'err429',
    steps: [
      {
        httpError: {
          status: 429,
          headers: { 'retry-after': '1' },
          body: error('mock: rate limited', 'rate_limit_error', 'rate_limit_exceeded'),
        },
      },
    ],
  },
  { name: 'err500', steps: [{ httpError: { status: 500 } }] },
  { name: 'flaky', steps: [{ httpError: { status: 503, times: 2 }, say: 'Recovered after two 503s.' }] },
  { name: 'quota', steps: [{ streamError: { code: 'insufficient_quota', message: 'mock: quota exceeded' } }] },
  {
    name: 'ctx',
    steps: [{ streamError: { code: 'context_length_exceeded', message: 'mock: context window exceeded' } }],
  },
  { name: 'drop', steps: [{ say: 'cut off', drop: {} }] },
  { name: 'droponce', steps: [{ say: 'Whole after one cut.', drop: { times: 1 } }] },
]
