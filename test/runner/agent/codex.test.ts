import { describe, expect, test } from 'vitest'
import { createCodexParser } from '../../../runner/agent/codex-events.ts'
import { feed, of, outline, replay } from './streams.ts'

const parse = (name: string, code: number | null = 0) => replay(createCodexParser(), `codex/${name}`, code)
const say = (value: unknown) => JSON.stringify(value)
const TURN_DONE = say({ type: 'turn.completed', usage: {} })

describe('codex stream', () => {
  test('of a Code task', () => {
    const events = parse('code')
    expect(outline(events)).toEqual([
      'session',
      'reasoning',
      'message',
      'todo pending pending',
      'command start running',
      'command end ok 0',
      'command start running',
      'command end failed 1',
      'files running add /workspace/hello.txt',
      'files ok add /workspace/hello.txt',
      'files running update /workspace/README.md',
      'files ok update /workspace/README.md',
      'todo done done',
      'message',
      'usage thread 9600/2400/640/128',
      'end true',
    ])
    expect(of(events, 'session')).toEqual([{ t: 'session', id: '01a20308-e365-7dd2-bacf-e4141824a010' }])
    expect(of(events, 'message').at(-1)?.text).toBe('Added `hello.txt` and updated `README.md`.')
    expect(of(events, 'command').at(-1)?.output).toBe('cat: does-not-exist.txt: No such file or directory\n')
  })

  test('of an Ask task', () => {
    expect(outline(parse('ask')).at(-1)).toBe('end true')
    expect(of(parse('ask'), 'command')).toHaveLength(4)
  })

  test('says of usage that it is a total over the turns of a session', () => {
    const usages = ['resume-turn1', 'resume-turn2'].map((name) => of(parse(name), 'usage')[0])
    expect(usages).toMatchObject([
      { scope: 'thread', input: 9600 },
      { scope: 'thread', input: 12000 },
    ])
  })

  test('has ids that begin anew in each process, and the same session', () => {
    const [first, second] = ['resume-turn1', 'resume-turn2'].map((name) => parse(name))
    expect(of(first ?? [], 'reasoning')[0]?.id).toBe('item_0')
    expect(of(second ?? [], 'command')[0]?.id).toBe('item_0')
    expect(of(first ?? [], 'session')).toEqual(of(second ?? [], 'session'))
  })

  test('that ends under an open command loses it', () => {
    const events = parse('sig-int-init', 1)
    expect(outline(events)).toEqual(['session', 'command start running', 'command end lost null', 'end false'])
  })

  test('whose turn ends under an open command loses it then', () => {
    const item = { id: 'item_0', type: 'command_execution', command: 'sleep 60', status: 'in_progress' }
    const events = feed(createCodexParser(), [say({ type: 'item.started', item }), TURN_DONE])
    expect(outline(events).slice(0, 2)).toEqual(['command start running', 'command end lost null'])
  })

  test('of a cut answer that is said again shows it once', () => {
    expect(of(parse('droponce'), 'message').map(({ text }) => text)).toEqual(['Whole after one cut.'])
    expect(outline(parse('droponce')).at(-1)).toBe('end true')
    expect(of(parse('drop', 1), 'message')).toHaveLength(1)
  })

  test('shows twice what is said twice without a cut (control)', () => {
    const item = { id: 'item_0', type: 'agent_message', text: 'Done.' }
    const line = say({ type: 'item.completed', item })
    expect(of(feed(createCodexParser(), [line, line]), 'message')).toHaveLength(2)
  })

  test.each([
    ['err400', 'mock: bad request'],
    ['err401', /^unexpected status 401 Unauthorized: mock: bad key/],
    ['ctx', /^Codex ran out of room/],
    ['quota', /quota/i],
    ['drop', /^stream disconnected before completion/],
  ])('of a failure says why: %s', (name, error) => {
    const end = of(parse(name, 1), 'end')
    expect(end).toMatchObject([{ ok: false, error: typeof error === 'string' ? error : expect.stringMatching(error) }])
  })

  test('of tries to connect again has notices, and no end by them', () => {
    const events = parse('netnone', null)
    expect(of(events, 'notice')).toHaveLength(6)
    expect(of(events, 'end')).toEqual([{ t: 'end', ok: false }])
  })

  test('of a warning before the turn goes on', () => {
    const events = parse('subagent')
    expect(of(events, 'notice')[0]?.message).toContain('Model metadata for `mock-model` not found')
    expect(outline(events)).toContain('tool end ok spawn_agent')
    expect(of(events, 'end')).toEqual([{ t: 'end', ok: true }])
  })

  test('without a terminal event is no success, whatever the exit code', () => {
    expect(of(parse('idle', 0), 'end')).toEqual([{ t: 'end', ok: false }])
  })

  test.each([1, 143, null])('with a terminal event and exit code %s is no success', (code) => {
    expect(of(parse('code', code), 'end')).toEqual([{ t: 'end', ok: false }])
  })

  test('of tools: servers of tools, searches, failed changes', () => {
    expect(of(parse('mcp'), 'tool').filter(({ phase }) => phase === 'end')).toMatchObject([
      { name: 'demo.echo', input: '{"text":"hi"}', output: 'echo: hi', status: 'ok' },
      { name: 'demo.echo', input: '{"text":"fail"}', output: 'asked to fail', status: 'failed' },
    ])
    expect(of(parse('websearch'), 'tool')).toMatchObject([
      { id: 'ws_1', phase: 'start', name: 'web_search', input: 'weather seattle' },
      { id: 'ws_1', phase: 'end', status: 'ok' },
    ])
    expect(outline(parse('code-on-readonly-mount'))).toContain('files failed add /workspace/hello.txt')
  })

  test('of a command that only ended shows it from its start', () => {
    const item = {
      id: 'item_9',
      type: 'command_execution',
      command: 'ls',
      aggregated_output: 'a\n',
      exit_code: 0,
      status: 'completed',
    }
    const events = feed(createCodexParser(), [say({ type: 'item.completed', item })])
    expect(outline(events).slice(0, 2)).toEqual(['command start running', 'command end ok 0'])
  })
})
