import { expect, test } from 'vitest'
import { cancel } from '../../cli/commands/cancel.ts'
import { diff } from '../../cli/commands/diff.ts'
import { exec } from '../../cli/commands/exec.ts'
import { list } from '../../cli/commands/list.ts'
import { logs } from '../../cli/commands/logs.ts'
import { pr } from '../../cli/commands/pr.ts'
import { updateEnvironment } from '../../cli/commands/env/update.ts'
import { END, attempt, fakeWorld, json, noInput, problem, sse, task } from './fakes.ts'

const EVIL = '\u001b]52;c;aGk=\u0007\u202e'
const output = (seq: number, text: string) => ({
  seq,
  at: '',
  attempt: 'a1',
  phase: 'agent',
  kind: 'output',
  stream: 'stdout',
  text,
})

test('exec prints the id, sends who it is, and a key that makes a repeat harmless', async () => {
  const world = fakeWorld({ 'POST /tasks': json(task(), 201) })
  expect(await exec.run(['--env', 'shop', '--attempts', '2', '--branch', 'main', 'Mend it'], world.context)).toBe(0)
  expect(world.out()).toBe('t1\n')
  expect(world.err()).toContain('bin/drydock logs -f t1')
  const [call] = world.calls
  expect(call?.body).toEqual({ environment: 'shop', mode: 'code', prompt: 'Mend it', attempts: 2, branch: 'main' })
  expect(call?.headers.get('x-drydock-product')).toBe('cli')
  expect(call?.headers.get('authorization')).toBe('Bearer dd_test')
  expect(call?.headers.get('idempotency-key')).toMatch(/^[0-9a-f-]{36}$/)
})

test.each([
  [['--env', 'shop', '-'], true],
  [['--env', 'shop'], false],
])('exec with %j reads the prompt from standard input', async (argv, isTerminal) => {
  const stdin = noInput({ isTerminal, read: async () => 'two\nlines\n' })
  const world = fakeWorld({ 'POST /tasks': json(task(), 201) }, { stdin })
  await exec.run(argv, world.context)
  expect(world.calls[0]?.body).toMatchObject({ prompt: 'two\nlines' })
})

test.each([
  [['Mend it'], '--env is missing'],
  [['--env', 'shop'], 'the prompt is missing'],
  [['--env', 'shop', '-'], 'standard input is empty'],
  [['--env', 'shop', '--attempts', '5', 'x'], 'not a number from 1 to 4'],
])('exec %j is wrong use and asks the server nothing', async (argv, message) => {
  const world = fakeWorld()
  await expect(exec.run(argv, world.context)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining(message),
  })
  expect(world.calls).toEqual([])
})

test.each([
  ['succeeded', 0],
  ['failed', 1],
  ['cancelled', 1],
])('exec --wait --json of a task that %s prints the task alone and ends with %i', async (state, code) => {
  const world = fakeWorld({
    'POST /tasks': json(task({ state: 'queued' }), 201),
    'GET /tasks/t1/events': () => new Response(sse(output(1, `hello ${EVIL}`)) + END),
    'GET /tasks/t1': json(task({ state })),
  })
  expect(await exec.run(['--env', 'shop', '--wait', '--json', 'x'], world.context)).toBe(code)
  expect(JSON.parse(world.out())).toMatchObject({ id: 't1', state })
  expect(world.err()).toContain('hello \\x1b]52;c;aGk=\\x07\\u202e')
})

test('exec --ask --wait prints the answer, neutralised', async () => {
  const world = fakeWorld({
    'POST /tasks': json(task({ mode: 'ask', state: 'queued' }), 201),
    'GET /tasks/t1/events': () => new Response(END),
    'GET /tasks/t1': json(task({ mode: 'ask' }, [attempt({ answer: `In a.ts${EVIL}`, diff: null })])),
  })
  expect(await exec.run(['--env', 'shop', '--ask', '--wait', 'Where?'], world.context)).toBe(0)
  expect(world.calls[0]?.body).toMatchObject({ mode: 'ask' })
  expect(world.out()).toBe('In a.ts\\x1b]52;c;aGk=\\x07\\u202e\n')
})

test('exec --wait says that the task goes on when it is interrupted, and how to cancel it', async () => {
  const world = fakeWorld({
    'POST /tasks': json(task({ state: 'queued' }), 201),
    'GET /tasks/t1/events': () => {
      world.interrupt()
      throw new DOMException('aborted', 'AbortError')
    },
  })
  await expect(exec.run(['--env', 'shop', '--wait', 'x'], world.context)).rejects.toThrow()
  expect(world.err()).toContain('The task goes on.')
  expect(world.err()).toContain('bin/drydock cancel t1')
})

test('logs neutralises what a task printed, and --raw does not', async () => {
  const answers = {
    'GET /tasks/t1': json(task()),
    'GET /tasks/t1/events': () => new Response(sse(output(1, EVIL)) + END),
  }
  const safe = fakeWorld(answers)
  expect(await logs.run(['t1'], safe.context)).toBe(0)
  expect(safe.out()).toBe('\\x1b]52;c;aGk=\\x07\\u202e\n')
  const raw = fakeWorld(answers)
  await logs.run(['t1', '--raw'], raw.context)
  expect(raw.out()).toBe(`${EVIL}\n`)
})

test('logs --json is one document of every event, as received', async () => {
  const world = fakeWorld({
    'GET /tasks/t1': json(task()),
    'GET /tasks/t1/events': () => new Response(sse(output(1, 'a'), output(2, EVIL)) + END),
  })
  await logs.run(['t1', '-f', '--json'], world.context)
  expect(JSON.parse(world.out())).toEqual({ data: [output(1, 'a'), output(2, EVIL)] })
})

test('logs without -f ends although the task goes on', async () => {
  const world = fakeWorld({
    'GET /tasks/t1': json(task({ state: 'running' })),
    'GET /tasks/t1/events': () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode(sse(output(1, 'so far')))),
        }),
      ),
  })
  expect(await logs.run(['t1'], world.context)).toBe(0)
  expect(world.out()).toBe('so far\n')
})

test('logs labels lines where there are several attempts, and --attempt keeps to one', async () => {
  const answers = {
    'GET /tasks/t1': json(task({}, [attempt(), attempt({ id: 'a2', n: 2 })])),
    'GET /tasks/t1/events': () => new Response(sse(output(1, 'x'), { ...output(2, 'y\nz'), attempt: 'a2' }) + END),
  }
  const both = fakeWorld(answers)
  await logs.run(['t1'], both.context)
  expect(both.out()).toBe('[1] x\n[2] y\n[2] z\n')
  const one = fakeWorld(answers)
  await logs.run(['t1', '--attempt', '1'], one.context)
  expect(one.out()).toBe('[1] x\n')
})

const PATCH = Uint8Array.from([...new TextEncoder().encode('+a\u001b[31m\r\n'), 0xff, 0x9b])

test('diff gives a pipe every byte, and a terminal nothing that it would obey', async () => {
  const bytes: Uint8Array[] = []
  const answers = { 'GET /tasks/t1': json(task()), 'GET /attempts/a1/diff': new Response(PATCH) }
  const pipe = fakeWorld(answers, {
    out: {
      isTerminal: false,
      columns: 80,
      write: (data) => void bytes.push(typeof data === 'string' ? new TextEncoder().encode(data) : data),
    },
  })
  await diff.run(['t1'], pipe.context)
  expect(Buffer.concat(bytes)).toEqual(Buffer.from(PATCH))

  let shown = ''
  const terminal = fakeWorld(answers, {
    out: { isTerminal: true, columns: 80, write: (data) => void (shown += typeof data === 'string' ? data : 'bytes') },
  })
  await diff.run(['t1'], terminal.context)
  expect(shown).toBe('\u001b[32m+a\\x1b[31m\\x0d\u001b[39m\n��')
})

test('diff --json keeps a patch that is no UTF-8 whole', async () => {
  const world = fakeWorld({ 'GET /tasks/t1': json(task()), 'GET /attempts/a1/diff': new Response(PATCH) })
  await diff.run(['t1', '--json'], world.context)
  const document = JSON.parse(world.out()) as { encoding: string; patch: string }
  expect(document.encoding).toBe('base64')
  expect(Buffer.from(document.patch, 'base64')).toEqual(Buffer.from(PATCH))
})

test('diff names flagged files on standard error', async () => {
  const flagged = [{ path: '.envrc\u001b', why: 'direnv runs it' }]
  const world = fakeWorld({
    'GET /tasks/t1': json(task({}, [attempt({ flagged })])),
    'GET /attempts/a1/diff': new Response('x'),
  })
  await diff.run(['t1'], world.context)
  expect(world.err()).toBe('! .envrc\\x1b: direnv runs it\n')
})

const publishing = (state: string, reason: string | null = null) =>
  json(task({}, [attempt({ publish: { state, reason } })]))

test.each([
  ['published', 0],
  ['failed', 1],
  ['held', 1],
])('pr waits until publishing is %s and ends with %i', async (state, code) => {
  const world = fakeWorld({
    'GET /tasks/t1': [publishing('none'), publishing('none'), publishing('pending'), publishing(state, 'why')],
    'POST /attempts/a1/pull-request': json({ attempt: 'a1', publish: { state: 'pending', reason: null } }, 202),
  })
  expect(await pr.run(['t1', '--json'], world.context)).toBe(code)
  expect(JSON.parse(world.out())).toMatchObject({ task: 't1', attempt: 'a1', publish: { state }, pullRequest: null })
})

test('pr names the flagged files, and how to confirm them', async () => {
  const world = fakeWorld({
    'GET /tasks/t1': json(task({}, [attempt({ flagged: [{ path: '.envrc', why: 'direnv' }] })])),
    'POST /attempts/a1/pull-request': problem(409, 'confirmation-required', 'no'),
  })
  await expect(pr.run(['t1'], world.context)).rejects.toMatchObject({
    exitCode: 1,
    message: expect.stringMatching(/\.envrc \(direnv\).*--confirm-flagged/),
  })
})

test('cancel waits until the task has ended', async () => {
  const world = fakeWorld({
    'POST /tasks/t1/cancel': json(task({ state: 'running' })),
    'GET /tasks/t1': [json(task({ state: 'running' })), json(task({ state: 'cancelled' }))],
  })
  expect(await cancel.run(['t1', '--json'], world.context)).toBe(0)
  expect(JSON.parse(world.out())).toMatchObject({ state: 'cancelled' })
})

test('list sends its filters and shows titles on one harmless line', async () => {
  const head = task({ title: `two\nlines${EVIL}` })
  const world = fakeWorld({
    'GET /tasks?environment=shop&state=failed&limit=2': json({ data: [head], nextCursor: 'c1' }),
  })
  expect(await list.run(['--env', 'shop', '--state', 'failed', '--limit', '2'], world.context)).toBe(0)
  expect(world.out().split('\n')[1]).toMatch(/^t1 .*two\\nlines\\x1b\]52;c;aGk=\\x07\\u202e$/)
  expect(world.err()).toContain('--cursor c1')
})

test('env update merges variables with those that are there', async () => {
  const world = fakeWorld({
    'GET /environments/shop': json({ variables: { A: '1', B: '2' }, resources: {} }),
    'PATCH /environments/shop': json({ name: 'shop' }),
  })
  await updateEnvironment.run(['shop', '--var', 'C=3', '--unset-var', 'A'], world.context)
  expect(world.calls.at(-1)?.body).toEqual({ variables: { B: '2', C: '3' } })
})

test('env update merges limits and resources with those that are there', async () => {
  const environment = { name: 'e', variables: {}, resources: { cpus: 1, memoryMiB: 64 }, limits: { agentMs: 1000 } }
  const world = fakeWorld({ 'GET /environments/e': json(environment), 'PATCH /environments/e': json(environment) })
  const flags = ['--memory', '128', '--limit', 'setup=30m', '--limit', 'total=2h']
  expect(await updateEnvironment.run(['e', ...flags], world.context)).toBe(0)
  expect(world.calls[1]?.body).toMatchObject({
    resources: { cpus: 1, memoryMiB: 128 },
    limits: { agentMs: 1000, setupMs: 1_800_000, totalMs: 7_200_000 },
  })
})
