import { describe, expect, test } from 'vitest'
import type { AgentRun } from '../../../runner/agent/adapter.ts'
import { commandAgent, createCommandParser } from '../../../runner/agent/command.ts'

const runOf = (changes: Partial<AgentRun> = {}): AgentRun => ({
  mode: 'code',
  prompt: 'add a file',
  cwd: '/workspace',
  home: '/agent-home',
  variables: { TOKEN_NAME: 'x' },
  ...changes,
})
const fileOf = (run: AgentRun, end: string) => commandAgent.launch(run).files.find(({ path }) => path.endsWith(end))

describe('launch()', () => {
  test('runs the script of the environment with the prompt in its variables', () => {
    const launch = commandAgent.launch(runOf({ script: 'echo "$TASK_PROMPT"' }))
    expect(launch.env).toMatchObject({ TOKEN_NAME: 'x', TASK_MODE: 'code', TASK_PROMPT: 'add a file' })
    expect(launch.argv.slice(0, 2)).toEqual(['sh', '-c'])
    expect(fileOf(runOf({ script: 'echo hi' }), 'script')).toMatchObject({ content: 'echo hi', mode: 0o700 })
  })

  test('runs the prompt when there is no script', () => {
    expect(fileOf(runOf({ prompt: 'touch x' }), 'script')?.content).toBe('touch x')
  })

  test('leaves a script its own interpreter', () => {
    const { argv, files } = commandAgent.launch(runOf({ script: '#!/usr/bin/env python3\nprint(1)\n' }))
    expect(argv).toEqual([files[0]?.path])
  })

  test("lets no variable of the environment stand in for the task's", () => {
    const { env } = commandAgent.launch(runOf({ variables: { TASK_MODE: 'ask', TASK_PROMPT: 'other' } }))
    expect(env).toMatchObject({ TASK_MODE: 'code', TASK_PROMPT: 'add a file' })
  })

  test.each([
    ['that fits', 128 * 1024 - 1 - 'TASK_PROMPT='.length - 1, true],
    ['that execve would refuse', 128 * 1024, false],
  ])('gives a prompt %s as a variable: by file it is always there', (_, length, isVariable) => {
    const prompt = 'p'.repeat(length)
    const { env, files } = commandAgent.launch(runOf({ prompt, script: 'true' }))
    expect('TASK_PROMPT' in env).toBe(isVariable)
    expect(files.find(({ path }) => path === env['TASK_PROMPT_FILE'])?.content).toBe(prompt)
  })

  test('gives a prompt with NUL by file only: no variable can hold it', () => {
    expect('TASK_PROMPT' in commandAgent.launch(runOf({ prompt: 'a\0b' })).env).toBe(false)
  })
})

describe('parser', () => {
  const said = (...lines: string[]) => {
    const parser = createCommandParser(() => 0)
    return lines.flatMap((line) => parser.push(line, 'stdout'))
  }

  test('takes lines as output', () => {
    const parser = createCommandParser(() => 0)
    expect(parser.push('plain', 'stderr')).toEqual([{ t: 'output', stream: 'stderr', text: 'plain' }])
  })

  test('accepts message and todo', () => {
    expect(
      said(
        '::event {"t":"message","text":"done"}',
        '::event {"t":"todo","id":"list","items":[{"text":"a","status":"done"}]}',
      ),
    ).toEqual([
      { t: 'message', id: 'event-1', text: 'done' },
      { t: 'todo', id: 'list', items: [{ text: 'a', status: 'done' }] },
    ])
  })

  test.each([
    ['another kind', '::event {"t":"usage","scope":"run","input":1,"cached":0,"output":1,"reasoning":0}'],
    ['an end', '::event {"t":"end","ok":true}'],
    ['broken JSON', '::event {"t":"message"'],
    ['no object', '::event null'],
    ['a wrong field', '::event {"t":"message","text":7}'],
    ['an odd id', '::event {"t":"message","id":"a\\u0000b","text":"x"}'],
    ['a wrong status', '::event {"t":"todo","items":[{"text":"a","status":"lost"}]}'],
    [
      'too many items',
      `::event ${JSON.stringify({ t: 'todo', items: Array(101).fill({ text: 'a', status: 'done' }) })}`,
    ],
    ['no space', '::event{"t":"message","text":"x"}'],
    ['text before', ' ::event {"t":"message","text":"x"}'],
  ])('keeps %s as text', (_, line) => {
    expect(said(line)).toEqual([{ t: 'output', stream: 'stdout', text: line }])
  })

  test('does not accept an event on standard error', () => {
    const line = '::event {"t":"message","text":"x"}'
    expect(createCommandParser(() => 0).push(line, 'stderr')).toEqual([{ t: 'output', stream: 'stderr', text: line }])
  })

  test('caps the size of what is said, and removes what jsonb refuses', () => {
    const [long] = said(`::event ${JSON.stringify({ t: 'message', text: 'ä'.repeat(100_000) })}`)
    expect(Buffer.byteLength((long as { text: string }).text)).toBeLessThanOrEqual(64 * 1024 + 4)
    const [odd] = said(String.raw`::event {"t":"message","text":"a\u0000b\ud800c"}`)
    expect(odd).toMatchObject({ text: 'a\uFFFDb\uFFFDc' })
  })

  test('passes events at a bounded rate; the others are text', () => {
    let now = 0
    const parser = createCommandParser(() => now)
    const burst = () =>
      Array.from({ length: 300 }, () => parser.push('::event {"t":"message","text":"x"}', 'stdout')[0]?.t)
    expect(burst().filter((t) => t === 'message')).toHaveLength(100)
    now = 1000
    expect(burst().filter((t) => t === 'message')).toHaveLength(20)
  })

  test.each([
    [0, true],
    [1, false],
    [137, false],
    [null, false],
  ])('close() with code %s ends once with ok = %s', (code, ok) => {
    const parser = createCommandParser()
    expect(parser.close({ code })).toEqual([{ t: 'end', ok }])
    expect(parser.close({ code })).toEqual([])
  })
})
