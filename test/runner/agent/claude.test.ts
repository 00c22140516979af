import { describe, expect, test } from 'vitest'
import { createClaudeParser } from '../../../runner/agent/claude-events.ts'
import { feed, of, outline, replay } from './streams.ts'

const parse = (name: string, code: number | null = 0) => replay(createClaudeParser(), `claude/${name}`, code)
const say = (value: unknown) => JSON.stringify(value)
const call = (id: string, name: string, input: unknown) =>
  say({ type: 'assistant', message: { content: [{ type: 'tool_use', id, name, input }] } })
const result = (changes: object) =>
  say({ type: 'result', subtype: 'success', is_error: false, result: 'x', ...changes })

describe('claude stream', () => {
  test('of a Code task', () => {
    const events = parse('code')
    expect(outline(events)).toEqual([
      'session',
      'reasoning',
      'message',
      'todo pending',
      'todo pending pending',
      'command start running',
      'command end ok 0',
      'command start running',
      'command end failed 1',
      'files running update /workspace/hello.txt',
      'files ok add /workspace/hello.txt',
      'tool start running Read',
      'tool end ok Read',
      'files running update /workspace/README.md',
      'files ok update /workspace/README.md',
      'todo pending done',
      'todo done done',
      'message',
      'usage run 13400/2600/720/0',
      'end true',
    ])
    expect(of(events, 'session')).toEqual([{ t: 'session', id: 'ce600d39-9102-4519-8082-65a859d002e7' }])
    expect(
      of(events, 'todo')
        .at(-1)
        ?.items.map(({ text }) => text),
    ).toEqual(['Look around', 'Add hello.txt'])
    expect(of(events, 'command').at(-1)?.output).toContain('cat: does-not-exist.txt: No such file or directory')
  })

  test('of a later version, with the keys in another order', () => {
    const events = parse('code-330')
    expect(of(events, 'raw')).toEqual([])
    expect(of(events, 'end')).toEqual([{ t: 'end', ok: true }])
    expect(of(events, 'message').at(-1)?.text).toBe('Added `hello.txt` and updated `README.md`.')
  })

  test('of a follow-up has the usage of this run', () => {
    expect(of(parse('resume'), 'usage')).toMatchObject([{ scope: 'run', input: 2800, cached: 400, output: 160 }])
  })

  test.each([
    ['err400', /mock: bad request/],
    ['err401', /^Failed to authenticate. API Error: 401 mock: bad key$/],
    ['netnone', /^API Error: Unable to connect to API/],
  ])('that says "success" of an error is a failure: %s', (name, error) => {
    const events = parse(name, 1)
    expect(of(events, 'end')).toMatchObject([{ ok: false, error: expect.stringMatching(error) }])
    // What claude says in place of the model is no answer.
    expect(of(events, 'message')).toEqual([])
  })

  test('with is_error and exit code 0 is a failure', () => {
    expect(of(parse('err401', 0), 'end')).toMatchObject([{ ok: false }])
  })

  test('with another subtype or none is a failure that says why', () => {
    const max = feed(createClaudeParser(), [result({ subtype: 'error_max_turns', result: '' })])
    expect(of(max, 'end')).toEqual([{ t: 'end', ok: false, error: 'error_max_turns' }])
    const none = feed(createClaudeParser(), [say({ type: 'result', is_error: false })])
    expect(of(none, 'end')).toMatchObject([{ ok: false }])
  })

  test('tells of tries as notices', () => {
    expect(of(parse('err401', 1), 'notice')[0]?.message).toBe(
      'The model did not answer (authentication_failed 401); try 1 of 1 follows',
    )
  })

  test('without a result is no success, and loses what is open', () => {
    const events = feed(createClaudeParser(), [call('toolu_1', 'Bash', { command: 'sleep 99' })])
    expect(outline(events)).toEqual(['command start running', 'command end lost null', 'end false'])
  })

  test('has its answer from the result where no message said it', () => {
    expect(of(feed(createClaudeParser(), [result({ result: 'The answer.' })]), 'message')).toMatchObject([
      { text: 'The answer.' },
    ])
  })

  test('keeps what an agent of the agent says out of the answer', () => {
    const line = say({
      type: 'assistant',
      parent_tool_use_id: 'toolu_1',
      message: { content: [{ type: 'text', text: 'mine' }] },
    })
    expect(outline(feed(createClaudeParser(), [line]))).toEqual(['reasoning', 'end false'])
  })
})
