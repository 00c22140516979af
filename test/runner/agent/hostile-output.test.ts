import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CAPS } from '../../../domain/environments/limits.ts'
import type { AgentEvent } from '../../../runner/agent/adapter.ts'
import { AGENTS } from '../../../runner/agent/agents.ts'
import { feed, of } from './streams.ts'

const PARSED = [AGENTS.codex, AGENTS.claude, AGENTS.opencode].map((agent) => [agent.id, agent] as const)
const MiB = 1024 * 1024

/** Keys and types that readers look for, so that what is generated gets deep into them. */
const WORDS = fc.constantFrom(
  ...[
    'type',
    'item',
    'id',
    'text',
    'items',
    'command',
    'part',
    'state',
    'input',
    'tool',
    'status',
    'message',
    'content',
  ],
  ...['name', 'error', 'data', 'usage', 'tokens', 'cache', 'subtype', 'session_id', 'thread_id', 'sessionID', 'result'],
  ...[
    'item.started',
    'item.completed',
    'turn.completed',
    'turn.failed',
    'thread.started',
    'agent_message',
    'file_change',
  ],
  ...[
    'command_execution',
    'todo_list',
    'mcp_tool_call',
    'system',
    'init',
    'assistant',
    'user',
    'tool_use',
    'tool_result',
  ],
  ...['text', 'step_finish', 'bash', 'todowrite', 'write', 'Bash', 'TaskCreate', 'TaskUpdate', 'TodoWrite', 'changes'],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'tool_use_id', 'tool_use_result', 'input', 'taskId'],
)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 5 },
    WORDS,
    fc.oneof(fc.constant(null), fc.boolean(), fc.double(), fc.string()),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof({ weight: 9, arbitrary: WORDS }, { weight: 1, arbitrary: fc.string() }), tie('value'), {
      maxKeys: 8,
    }),
  ),
}))
const lines = fc.array(
  fc.oneof(
    value.map((each) => JSON.stringify(each) ?? ''),
    fc.string(),
  ),
  { maxLength: 20 },
)

const KINDS = [
  'session',
  'message',
  'reasoning',
  'command',
  'files',
  'tool',
  'todo',
  'usage',
  'notice',
  'output',
  'end',
  'raw',
]

/** Says what is wrong with an event that a log would take. */
function faultsOf(event: AgentEvent): string[] {
  const faults: string[] = []
  if (!KINDS.includes(event.t)) faults.push(`kind ${String(event.t)}`)
  const json = JSON.stringify(event)
  if (json.includes('\\u0000')) faults.push('NUL')
  if (!json.isWellFormed()) faults.push('half a character')
  if (Buffer.byteLength(json) > MiB) faults.push(`${json.length} characters`)
  return faults
}

describe.each(PARSED)('what %s prints', (_id, agent) => {
  test('never throws, and ends once', () => {
    fc.assert(
      fc.property(lines, fc.option(fc.integer()), (said, code) => {
        const events = feed(agent.parser(), said, code)
        expect(events.flatMap(faultsOf)).toEqual([])
        expect(of(events, 'end')).toHaveLength(1)
        expect(events.at(-1)?.t).toBe('end')
        for (const { id } of of(events, 'session')) expect(id).toMatch(agent.sessionId ?? /^$/)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    [
      'too deep to be written again',
      `{"type":"item.completed","item":{"type":"mcp_tool_call","arguments":${'['.repeat(200_000)}${']'.repeat(200_000)}}}`,
    ],
    [
      'too deep, as claude has it',
      `{"type":"assistant","message":{"content":[{"type":"tool_use","id":"a","name":"X","input":{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}}]}}`,
    ],
    [
      'too deep, as opencode has it',
      `{"type":"tool_use","part":{"tool":"x","state":{"input":${'['.repeat(200_000)}${']'.repeat(200_000)}}}}`,
    ],
    ['a prototype', '{"__proto__":{"type":"turn.completed"}}'],
    ['a list', '[{"type":"turn.completed"}]'],
    ['a text', '"turn.completed"'],
    ['half an object', '{"type":"turn.comp'],
    ['nothing of JSON', 'Segmentation fault'],
  ])('is kept as raw when it is %s', (_what, line) => {
    const events = feed(agent.parser(), [line])
    expect(events.map(({ t }) => t).filter((t) => t !== 'tool')).toEqual(
      line.includes('tool') && of(events, 'raw').length === 0 ? ['end'] : ['raw', 'end'],
    )
    expect(of(events, 'end')).toMatchObject([{ ok: false }])
    expect(events.flatMap(faultsOf)).toEqual([])
  })

  test('is bounded, however long a line is', () => {
    const long = 'x'.repeat(MiB)
    const said = [
      { type: 'item.completed', item: { id: 'i', type: 'agent_message', text: long } },
      { type: 'item.completed', item: { id: 'i', type: 'command_execution', command: long, aggregated_output: long } },
      {
        type: 'item.completed',
        item: { id: 'i', type: 'file_change', changes: Array(5000).fill({ path: long.slice(0, 300) }) },
      },
      {
        type: 'item.started',
        item: { id: 'i', type: 'todo_list', items: Array(5000).fill({ text: 'y'.repeat(999) }) },
      },
      { type: 'assistant', message: { content: [{ type: 'text', text: long }] } },
      {
        type: 'assistant',
        message: {
          content: Array(5000).fill({
            type: 'tool_use',
            id: 'a',
            name: 'Bash',
            input: { command: long.slice(0, 300) },
          }),
        },
      },
      { type: 'text', part: { text: long } },
      { type: 'tool_use', part: { tool: 'bash', state: { input: { command: long }, output: long } } },
      { type: 'error', message: long, error: { data: { message: long } } },
      { type: 'unknown', text: long },
    ].map((each) => JSON.stringify(each))
    const events = feed(agent.parser(), said)
    expect(events.flatMap(faultsOf)).toEqual([])
    expect(Math.max(...events.map((event) => Buffer.byteLength(JSON.stringify(event))))).toBeLessThan(
      CAPS.answerBytes * 2,
    )
  })

  test('fills no log with kinds that the log keeps without bound', () => {
    const said = Array.from({ length: 5000 }, (_, i) => [
      JSON.stringify({
        type: 'error',
        message: `m${i}`,
        error: { name: 'x' },
        sessionID: 'ses_dfceb8e48ffeO1VddT5i4S6DIu',
      }),
      JSON.stringify({ type: 'thread.started', thread_id: '01a20308-e365-7dd2-bacf-e4141824a010' }),
      JSON.stringify({ type: 'system', subtype: 'init', session_id: '01a20308-e365-7dd2-bacf-e4141824a010' }),
      JSON.stringify({ type: 'system', subtype: 'api_retry' }),
      JSON.stringify({ type: 'turn.completed', usage: {} }),
      JSON.stringify({ type: 'result', usage: {} }),
      JSON.stringify({ type: 'step_finish', part: { tokens: {} } }),
    ]).flat()
    const events = feed(agent.parser(), said)
    const unbounded = events.filter(({ t }) => ['notice', 'session', 'usage', 'end'].includes(t))
    expect(unbounded.length).toBeLessThanOrEqual(200 + 1000 + 1 + 1)
    expect(of(events, 'session').length).toBe(1)
    expect(of(events, 'notice').length).toBe(200)
  })

  test('has half characters and NUL taken out', () => {
    const text = 'a\0b\ud800c'
    const said = [
      { type: 'item.completed', item: { id: 'i', type: 'agent_message', text } },
      { type: 'assistant', message: { content: [{ type: 'text', text }] } },
      { type: 'text', part: { text } },
    ].map((each) => JSON.stringify(each))
    expect(of(feed(agent.parser(), said), 'message').map((event) => event.text)).toEqual(['a\uFFFDb\uFFFDc'])
  })

  test('on standard error is output and nothing else', () => {
    const parser = agent.parser()
    const line = JSON.stringify({ type: 'turn.completed', usage: {} })
    expect(parser.push(line, 'stderr')).toEqual([{ t: 'output', stream: 'stderr', text: line }])
    expect(parser.close({ code: 0 })).toEqual([{ t: 'end', ok: false }])
  })
})
