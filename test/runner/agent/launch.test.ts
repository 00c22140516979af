import { describe, expect, test } from 'vitest'
import type { AgentRun } from '../../../runner/agent/adapter.ts'
import { AGENTS } from '../../../runner/agent/agents.ts'
import type { AttemptFailure } from '../../../runner/failure.ts'

const MODEL_AGENTS = [AGENTS.codex, AGENTS.claude, AGENTS.opencode] as const
const EACH = MODEL_AGENTS.map((agent) => [agent.id, agent] as const)
const SESSIONS = {
  codex: '01a20308-e365-7dd2-bacf-e4141824a010',
  claude: 'ce600d39-9102-4519-8082-65a859d002e7',
  opencode: 'ses_dfceb8e48ffeO1VddT5i4S6DIu',
  command: '',
}

const runOf = (changes: Partial<AgentRun> = {}): AgentRun => ({
  mode: 'code',
  prompt: 'add a file',
  cwd: '/workspace',
  home: '/agent-home',
  variables: { MINE: '1', CODEX_HOME: '/tmp/theirs', ANTHROPIC_BASE_URL: 'http://theirs', OPENCODE_CONFIG: '/theirs' },
  program: '/opt/drydock/agent',
  model: 'some/model-1.5',
  gatewayUrl: 'http://model.drydock.internal/v1',
  ...changes,
})

const without = (key: 'program' | 'gatewayUrl' | 'model'): AgentRun => {
  const run = runOf()
  delete run[key]
  return run
}

const PIXEL = { mediaType: 'image/png', bytes: Buffer.from('pixels') } as const
const textOf = (files: readonly { content: string | Uint8Array }[]) =>
  files.map(({ content }) => String(content)).join('\n')

describe.each(EACH)('launch() of %s', (id, agent) => {
  test('passes the prompt by a file, never as an argument', () => {
    const prompt = `--model=x $(id) "'\`\n${'p'.repeat(200_000)}`
    const { argv, env, files } = agent.launch(runOf({ prompt }))
    expect([...argv, ...Object.values(env)].join('\n')).not.toContain('$(id)')
    const file = files.find(({ path }) => path === '/agent-home/.drydock-prompt')
    expect(String(file?.content)).toContain(id === 'claude' ? JSON.stringify(prompt) : prompt)
    expect(argv.slice(0, 2)).toEqual(['sh', '-c'])
    expect(argv[2]).toMatch(/ && exec "\$@" < \/agent-home\/\.drydock-prompt$/)
  })

  test('lets no variable of the environment lead to another model', () => {
    const { env, files } = agent.launch(runOf())
    const all = JSON.stringify(env) + textOf(files)
    expect(all).toContain('http://model.drydock.internal')
    expect(env).toMatchObject({ MINE: '1' })
    const own = { codex: 'CODEX_HOME', claude: 'ANTHROPIC_BASE_URL', opencode: 'OPENCODE_CONFIG' }[id as 'codex']
    expect(env[own]).not.toContain('theirs')
  })

  test('carries no key, nor a word that opens anything elsewhere', () => {
    const { argv, env, files } = agent.launch(runOf())
    const words = [...argv, JSON.stringify(env), textOf(files)].join('\n')
    expect(
      words.match(/(?:api_?key|auth_token)"?\s*[:=]\s*"([^"]*)"/gi)?.every((each) => each.endsWith('"drydock"')) ??
        true,
    ).toBe(true)
    expect(words).not.toMatch(/env_key|Bearer|sk-/)
  })

  test('says in Ask and review that changes are thrown away, and not in Code', () => {
    const said = (mode: AgentRun['mode']) => textOf(agent.launch(runOf({ mode })).files)
    expect(said('ask')).toContain('This is a question')
    expect(said('review')).toContain('This is a review')
    expect(said('code')).not.toContain('thrown away')
  })

  test('names its model', () => {
    const { argv, files } = agent.launch(runOf())
    expect([...argv, textOf(files)].join('\n')).toContain('some/model-1.5')
  })

  test.each(['--help', '', ' m', 'm"\nx = 1', 'm\0', 'é', 'x'.repeat(201)])(
    'refuses %j as the name of a model',
    (model) => {
      expect(() => agent.launch(runOf({ model }))).toThrow(expect.objectContaining({ reason: 'model-unavailable' }))
    },
  )

  test('goes on with a session of its kind', () => {
    const { argv } = agent.launch(runOf({ resume: { sessionId: SESSIONS[id] } }))
    expect(argv.join(' ')).toContain(SESSIONS[id])
  })

  test.each([
    '--last',
    '../../x',
    '',
    `${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}\n`,
    'ses_$(id)',
    'ses_dfceb8e48ffeO1VddT5i4S6DIu ',
  ])('refuses %j as the id of a session', (sessionId) => {
    expect(() => agent.launch(runOf({ resume: { sessionId } }))).toThrow(
      expect.objectContaining({ reason: 'session-lost' }),
    )
  })

  test('hands images over', () => {
    const { argv, files } = agent.launch(runOf({ images: [PIXEL, PIXEL] }))
    const inPrompt = Buffer.from('pixels').toString('base64')
    if (id === 'claude') expect(textOf(files).split(inPrompt)).toHaveLength(3)
    else expect(argv.filter((each) => each.endsWith('.drydock-image-2.png'))).toHaveLength(1)
  })

  test('says what is missing', () => {
    const uninstalled = without('program')
    const offline = without('gatewayUrl')
    const reasonOf = (run: AgentRun) => {
      try {
        agent.launch(run)
      } catch (error) {
        return (error as AttemptFailure).reason
      }
    }
    expect([reasonOf(uninstalled), reasonOf(offline)]).toEqual(['agent-unavailable', 'model-unavailable'])
  })
})

test('launch() of codex ends the list of images before the rest', () => {
  const { argv } = AGENTS.codex.launch(runOf({ images: [PIXEL], resume: { sessionId: SESSIONS.codex } }))
  expect(argv.slice(-5)).toEqual(['-i', '/agent-home/.drydock-image-1.png', '--', SESSIONS.codex, '-'])
})

test('launch() of claude lets no prompt be a command of its own', () => {
  const { files } = AGENTS.claude.launch(runOf({ prompt: '/clear' }))
  expect(textOf(files)).toContain('"text":"The task:\\n\\n/clear"')
})

test('launch() of opencode needs the name of a model', () => {
  expect(() => AGENTS.opencode.launch(without('model'))).toThrow(/no model is named/)
})

test('keep stays below the home', () => {
  const kept = MODEL_AGENTS.flatMap((agent) => agent.keep)
  expect(kept.filter((path) => !/^\.[\w-]+(\/[\w.-]+)+$/.test(path) || path.includes('..'))).toEqual([])
})
