import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exec } from '../../cli/commands/exec.ts'
import { follow } from '../../cli/commands/follow.ts'
import { temporaryFolder } from '../support/git-fixture.ts'
import { attempt, END, fakeWorld, json, noInput, problem, sse, task } from './fakes.ts'

const turn = (id: string, attempts: unknown[]) => ({ id, prompt: 'x', images: 0, attempts })
const twoTurns = (state: string) =>
  task({ state, turns: [turn('n1', [attempt()]), turn('n2', [attempt({ id: 'a2', state })])] })
const output = (seq: number, id: string, text: string) => ({
  seq,
  at: '',
  attempt: id,
  phase: 'agent',
  kind: 'output',
  stream: 'stdout',
  text,
})

test('follow sends the prompt to the task and prints its id', async () => {
  const world = fakeWorld({ 'POST /tasks/t1/turns': json(twoTurns('queued'), 201) })
  expect(await follow.run(['t1', '--attempt', '2', 'And a test'], world.context)).toBe(0)
  expect(world.calls[0]?.body).toEqual({ prompt: 'And a test', attempt: 2 })
  expect(world.out()).toBe('t1\n')
})

test('follow --wait shows the new turn alone, and ends like it', async () => {
  const events = sse(output(1, 'a1', 'of the first turn'), output(2, 'a2', 'of the second turn')) + END
  const world = fakeWorld({
    'POST /tasks/t1/turns': json(twoTurns('queued'), 201),
    'GET /tasks/t1/events': () => new Response(events),
    'GET /tasks/t1': json(twoTurns('failed')),
  })
  expect(await follow.run(['t1', '--wait', '--json', 'x'], world.context)).toBe(1)
  expect(world.err()).toContain('of the second turn')
  expect(world.err()).not.toContain('of the first turn')
  expect(JSON.parse(world.out())).toMatchObject({ state: 'failed' })
})

test.each([
  [['t1'], 'the prompt is missing'],
  [['t1', '--attempt', '5', 'x'], 'not a number from 1 to 4'],
  [['t1', 'x', 'y'], 'too many'],
])('follow %j is wrong use and asks the server nothing', async (argv, message) => {
  const world = fakeWorld()
  await expect(follow.run(argv, world.context)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringContaining(message) as unknown,
  })
  expect(world.calls).toEqual([])
})

test('follow of a task that is open says what the server says', async () => {
  const refused = problem(409, 'task-not-finished', 'Cannot go on with task "t1": it is running')
  const world = fakeWorld({ 'POST /tasks/t1/turns': refused })
  await expect(follow.run(['t1', 'x'], world.context)).rejects.toMatchObject({ code: 'task-not-finished', exitCode: 1 })
})

test('exec and follow send the pictures that --image names, and none that is too large', async () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'a.png'), 'picture')
  writeFileSync(join(folder.path, 'large'), Buffer.alloc(5 * 1024 * 1024 + 1))
  const answers = { 'POST /tasks': json(task(), 201), 'POST /tasks/t1/turns': json(task(), 201) }
  const world = fakeWorld(answers, { cwd: folder.path })
  await exec.run(['--env', 'shop', '--image', 'a.png', '--image', 'a.png', 'x'], world.context)
  await follow.run(['t1', '--image', 'a.png', 'x'], world.context)
  const image = { data: Buffer.from('picture').toString('base64') }
  expect(world.calls.map(({ body }) => (body as { images: unknown }).images)).toEqual([[image, image], [image]])
  for (const name of ['large', 'none', '']) {
    await expect(exec.run(['--env', 'e', '--image', name, 'x'], world.context)).rejects.toMatchObject({ exitCode: 2 })
  }
})

test('exec --starting-diff sends the patch of a file, or of standard input', async () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'x.patch'), 'diff --git a/x b/x\n')
  const answers = { 'POST /tasks': json(task(), 201) }
  const world = fakeWorld(answers, { cwd: folder.path, stdin: noInput({ read: async () => 'diff é\n' }) })
  expect(await exec.run(['--env', 'shop', '--starting-diff', 'x.patch', 'Go on'], world.context)).toBe(0)
  expect(await exec.run(['--env', 'shop', '--starting-diff', '-', 'Go on'], world.context)).toBe(0)
  expect(world.calls.map(({ body }) => body)).toMatchObject([
    { startingDiff: 'diff --git a/x b/x\n' },
    { startingDiff: 'diff é\n' },
  ])
  writeFileSync(join(folder.path, 'x.patch'), Buffer.of(0xff, 0x0a))
  for (const [argv, why] of [
    [['--starting-diff', '-', '-'], 'must be an argument'],
    [['--starting-diff', 'x.patch', 'x'], 'not UTF-8'],
    [['--starting-diff', '', 'x'], 'is empty'],
  ] as const) {
    const run = exec.run(['--env', 'shop', ...argv], world.context)
    await expect(run).rejects.toMatchObject({ exitCode: 2, message: expect.stringContaining(why) as unknown })
  }
})
