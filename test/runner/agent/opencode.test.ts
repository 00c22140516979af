import { describe, expect, test } from 'vitest'
import { createOpencodeParser } from '../../../runner/agent/opencode-events.ts'
import { feed, of, outline, replay } from './streams.ts'

const parse = (name: string, code: number | null = 0) => replay(createOpencodeParser(), `opencode/${name}`, code)
const say = (value: unknown) => JSON.stringify(value)
const finish = (reason: string) => say({ type: 'step_finish', part: { reason, tokens: {} } })

describe('opencode stream', () => {
  test('of a Code task', () => {
    const events = parse('code')
    const shown = outline(events).filter((line) => !line.startsWith('usage'))
    expect(shown).toEqual([
      'session',
      'reasoning',
      'todo active pending',
      'message',
      'command start running',
      'command end ok 0',
      'command start running',
      'command end failed 1',
      'files running add /workspace/hello.txt',
      'files ok add /workspace/hello.txt',
      'tool start running read',
      'tool end ok read',
      'files running update /workspace/README.md',
      'files ok update /workspace/README.md',
      'todo done done',
      'message',
      'end true',
    ])
    expect(of(events, 'session')).toEqual([{ t: 'session', id: 'ses_dfceb8e48ffeO1VddT5i4S6DIu' }])
    expect(of(events, 'usage').at(-1)).toEqual({
      t: 'usage',
      scope: 'step',
      input: 2400,
      cached: 1200,
      output: 160,
      reasoning: 32,
    })
  })

  test('of a follow-up goes on with its session', () => {
    expect(of(parse('resume'), 'session')).toEqual(of(parse('code'), 'session'))
    expect(of(parse('resume'), 'message').at(-1)?.text).toBe('As I said before, `hello.txt` is there.')
  })

  test('of a refused key fails with its words', () => {
    expect(of(parse('err401', 1), 'end')).toEqual([{ t: 'end', ok: false, error: 'mock: bad key' }])
    expect(of(parse('err401', 0), 'end')).toMatchObject([{ ok: false }])
  })

  test('that stops between steps is no success', () => {
    expect(of(feed(createOpencodeParser(), [finish('tool-calls')]), 'end')).toEqual([{ t: 'end', ok: false }])
    expect(of(feed(createOpencodeParser(), [finish('stop'), say({ type: 'step_start', part: {} })]), 'end')).toEqual([
      { t: 'end', ok: false },
    ])
    expect(of(feed(createOpencodeParser(), [finish('stop')]), 'end')).toEqual([{ t: 'end', ok: true }])
  })

  test('of an answer that was too long says so', () => {
    expect(of(feed(createOpencodeParser(), [finish('length')]), 'end')).toEqual([
      { t: 'end', ok: false, error: 'the model stopped: length' },
    ])
  })

  test('takes no id of a session but its own kind', () => {
    const lines = ['ses_x', '--help', 'ses_dfceb8e48ffeO1VddT5i4S6DIu; rm -rf /'].map((sessionID) =>
      say({ type: 'step_start', sessionID, part: {} }),
    )
    expect(of(feed(createOpencodeParser(), lines), 'session')).toEqual([])
  })
})
