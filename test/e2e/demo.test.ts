import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DemoReport } from '../../bin/demo/report.ts'
import { hostAddress } from '../support/host-address.ts'
import { startMockModel } from '../support/mock-model/server.ts'
import { containersOf, dataFolder, documentOf, git, run, start, temporaryFolder } from './program.ts'

const PHASES = ['queue', 'sandbox', 'checkout', 'agent', 'collect', 'publish']

test('demo publishes a branch of the sample, prints one JSON document, leaves nothing running; again nothing is built', async () => {
  const data = dataFolder()
  for (const isAgain of [false, true]) {
    const { code, stdout, stderr } = await run(['demo', '--data', data, '--json'])
    expect(code, stderr).toBe(0)
    if (isAgain) expect(stderr).not.toMatch(/build|install/i)
    const report = documentOf<DemoReport>({ stdout })
    expect(report).toMatchObject({ state: 'succeeded', reason: null, diff: { files: 2 }, pullRequest: null })
    expect(report.phases.map(({ phase }) => phase)).toEqual(PHASES)
    expect(git(report.origin, 'rev-parse', report.branch ?? '')).toBe(report.commit)
    expect(git(report.origin, 'diff', '--name-only', 'main', report.commit ?? '').split('\n')).toEqual([
      'tally',
      'test/run',
    ])
    expect(containersOf(data)).toEqual([])
  }
})

test("demo works on a copy of a person's repository, and its commands work as printed", async () => {
  const data = dataFolder()
  const folder = join(temporaryFolder(), "it's mine")
  mkdirSync(folder)
  git(folder, 'init', '-q', '-b', 'trunk')
  writeFileSync(join(folder, 'a.txt'), 'one\n')
  git(folder, 'add', '-A')
  git(folder, 'commit', '-qm', 'start')
  writeFileSync(join(folder, 'a.txt'), 'one\nmore\n')
  const script = join(folder, '..', 'script')
  writeFileSync(script, `echo "$TASK_PROMPT" >>a.txt; printf 'evil\\033]0;t\\007\\n'; mkdir .github; echo x >.envrc\n`)

  const { code, stdout, stderr } = await run([
    'demo',
    '--data',
    data,
    '--repo',
    folder,
    '--script',
    script,
    '--prompt',
    'Say it',
  ])
  expect(code, stderr).toBe(0)
  expect(stderr).toContain('1 uncommitted change is left out')
  expect(stderr).toContain('evil\\x1b]0;t\\x07')
  expect(stdout).toContain('+Say it')
  // Nobody's machine runs what is in the demo's own copy: flagged files are named, and published.
  expect(stderr).toContain('! .envrc')
  const commands = stdout.slice(stdout.indexOf('Try next:')).split('\n').slice(1).filter(Boolean)
  expect(commands).toHaveLength(3)
  const [log, diff] = commands.slice(0, 2).map((command) => execFileSync('sh', ['-c', command], { encoding: 'utf8' }))
  expect(log).toContain('a.txt')
  expect(diff).toContain('+Say it')
  expect(git(folder, 'branch', '--format=%(refname:short)')).toBe('trunk')
})

test('demo --push publishes to the repository itself', async () => {
  const data = dataFolder()
  const folder = temporaryFolder()
  git(folder, 'init', '-q', '-b', 'trunk')
  git(folder, 'commit', '-qm', 'start', '--allow-empty')
  const { code, stdout, stderr } = await run(['demo', '--data', data, '--repo', folder, '--push', '--json'])
  expect(code, stderr).toBe(0)
  const report = documentOf<DemoReport>({ stdout })
  expect(report.origin).toBe(folder)
  expect(git(folder, 'rev-parse', report.branch ?? '')).toBe(report.commit)
})

test('demo ends with exit code 1 and the reason when the agent fails', async () => {
  const data = dataFolder()
  const script = join(temporaryFolder(), 'script')
  writeFileSync(script, 'echo oh; exit 7\n')
  const { code, stdout } = await run(['demo', '--data', data, '--script', script, '--json'])
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({ state: 'failed', reason: 'agent-exited', branch: null, commit: null })
})

test('demo that is interrupted cancels its task and leaves nothing running', async () => {
  const data = dataFolder()
  const script = join(temporaryFolder(), 'script')
  writeFileSync(script, 'echo at work; sleep 1000\n')
  const { child, ended, saw } = start(['demo', '--data', data, '--script', script, '--json'])
  await saw('stderr', 'at work')
  child.kill('SIGINT')
  expect((await ended).code).toBe(130)
  expect(containersOf(data)).toEqual([])
})

test.each([
  [['--repo', '/none/such'], 'repository-not-found', 'there is no such folder'],
  [['--script', '/none/such'], 'usage', 'there is no such file'],
  [['--agent', 'frob'], 'usage', 'it is one of command, codex, claude, opencode'],
  [['--agent', 'codex'], 'usage', 'it needs a model. Say where with --model-url URL'],
  [['--branch', 'none'], 'branch-not-found', 'no such branch'],
  [['--push'], 'usage', 'it needs --repo'],
  [['--frob'], 'usage', 'there is no option --frob'],
])('demo %j is wrong use: exit code 2, and the sentence in JSON too', async (args, code, message) => {
  const ended = await run(['demo', '--data', dataFolder(), ...args, '--json'])
  expect(ended.code, ended.stderr).toBe(2)
  expect(JSON.parse(ended.stdout)).toEqual({ error: { code, detail: expect.stringContaining(message) } })
  expect(ended.stderr).toContain(message)
})

test('demo runs an agent with a model, and says what it needs when there is none', async () => {
  const missing = await run(['demo', '--agent', 'codex'])
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('--model-url URL') })

  const key = 'sk-canary-of-the-demo-0123456789'
  await using model = await startMockModel({ host: hostAddress(), key })
  const data = dataFolder()
  const keyFile = join(temporaryFolder(), 'key')
  writeFileSync(keyFile, `${key}\n`)
  const url = `http://${hostAddress()}:${model.port}/v1`
  const flags = ['--data', data, '--agent', 'codex', '--model-url', url, '--model-key-file', keyFile]
  const { code, stdout, stderr } = await run(['demo', ...flags, '--prompt', '[[code]] please', '--json'])
  expect(code, stderr).toBe(0)
  const report = documentOf<DemoReport>({ stdout })
  expect(report).toMatchObject({ state: 'succeeded', reason: null })
  expect(git(report.origin, 'show', `${report.branch}:hello.txt`)).toBe('hello\nworld')
  expect(stdout + stderr).not.toContain(key)
  expect(containersOf(data)).toEqual([])
})
