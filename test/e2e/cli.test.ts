import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { TaskJson, TaskPageJson } from '../../api/schemas/task.ts'
import { containersOf, dataFolder, documentOf, git, run, start, temporaryFolder } from './program.ts'

/** A server on a data folder of its own, a repository, and the client commands against them. */
async function world() {
  const data = dataFolder()
  const root = temporaryFolder()
  const repository = join(root, 'repository')
  mkdirSync(repository)
  git(repository, 'init', '-q', '-b', 'main')
  writeFileSync(join(repository, 'a.txt'), 'one\n')
  git(repository, 'add', '-A')
  git(repository, 'commit', '-qm', 'start')
  const server = start(['serve', '--port', '0', '--data', data, '--repository-root', root, '--json'])
  // Before its folder goes, also when the test fails.
  onTestFinished(async () => {
    server.child.kill('SIGTERM')
    await server.ended
  })
  await server.saw('stdout', '\n')
  const { url } = documentOf<{ url: string }>(server.output)
  const env = { DRYDOCK_URL: url, DRYDOCK_DATA: data }
  const drydock = (args: string[], options: { stdin?: string; cwd?: string } = {}) =>
    run(args, { env, cwd: root, ...options })
  const script = (name: string, text: string) => writeFileSync(join(root, name), text)
  return { data, root, repository, server, env, drydock, script }
}

test('the commands take a task from an environment to a published branch', async () => {
  const { data, root, repository, server, drydock, script } = await world()
  expect(statSync(join(data, 'admin-token')).mode & 0o777).toBe(0o600)
  script('agent.sh', 'echo "task: $TASK_PROMPT"; echo two >>a.txt; echo new >"a b"\n')
  const made = await drydock([
    'env',
    'create',
    '--name',
    'shop',
    '--repo',
    'repository',
    '--image',
    'base',
    '--agent-script',
    'agent.sh',
    '--json',
  ])
  expect(made.code, made.stderr).toBe(0)
  expect(JSON.parse(made.stdout)).toMatchObject({ name: 'shop', repository: { address: repository } })

  const ran = await drydock(['exec', '--env', 'shop', '--wait', '--json', '-'], { stdin: 'Mend it\n' })
  expect(ran.code, ran.stderr).toBe(0)
  const task = documentOf<TaskJson>(ran)
  expect(task).toMatchObject({
    state: 'succeeded',
    product: 'cli',
    turns: [{ prompt: 'Mend it', attempts: [{ diff: { files: 2 } }] }],
  })

  expect((await drydock(['list', '--json'])).stdout).toContain(task.id)
  expect(JSON.parse((await drydock(['status', task.id, '--json'])).stdout)).toEqual(task)
  expect((await drydock(['logs', '-f', task.id])).stdout).toContain('task: Mend it')
  expect(JSON.parse((await drydock(['ledger', task.id, '--json'])).stdout)).toEqual({ data: [], next: null })

  const diff = await drydock(['diff', task.id])
  git(root, 'clone', '-q', 'repository', 'clone')
  writeFileSync(join(root, 'change.patch'), diff.stdout)
  git(join(root, 'clone'), 'apply', '--check', '../change.patch')
  const applied = await drydock(['apply', task.id], { cwd: join(root, 'clone') })
  expect(applied.code, applied.stderr).toBe(0)
  expect(readFileSync(join(root, 'clone', 'a.txt'), 'utf8')).toBe('one\ntwo\n')
  const again = await drydock(['apply', task.id, '--json'], { cwd: join(root, 'clone') })
  expect(again.code).toBe(1)
  expect(JSON.parse(again.stdout)).toMatchObject({ error: { code: 'patch-does-not-apply' } })

  const published = await drydock(['pr', task.id, '--json'])
  expect(published.code, published.stderr).toBe(0)
  const { branch, commit } = documentOf<{ branch: string; commit: string }>(published)
  expect(git(repository, 'rev-parse', branch)).toBe(commit)

  const answered = await drydock(['exec', '--env', 'shop', '--ask', '--wait', 'Where?'])
  expect(answered).toMatchObject({ code: 0, stdout: 'task: Where?\n' })
  const [asked] = documentOf<TaskPageJson>(await drydock(['list', '--json'])).data
  expect((await drydock(['pr', asked?.id ?? ''])).code).toBe(1)

  const doctor = await drydock(['doctor', '--json'])
  expect(JSON.parse(doctor.stdout).checks).toContainEqual({ name: 'token', status: 'ok', detail: 'is accepted' })

  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
  expect(containersOf(data)).toEqual([])
})

test('a task that runs can be left, followed and cancelled', async () => {
  const { data, server, env, drydock, script } = await world()
  script('agent.sh', 'echo at work; sleep 1000\n')
  await drydock([
    'env',
    'create',
    '--name',
    'slow',
    '--repo',
    'repository',
    '--image',
    'base',
    '--agent-script',
    'agent.sh',
  ])
  const waiting = start(['exec', '--env', 'slow', '--wait', 'x'], { env })
  await waiting.saw('stderr', 'at work')
  waiting.child.kill('SIGINT')
  const left = await waiting.ended
  expect(left.code).toBe(130)
  const id = /bin\/drydock cancel (\S+)/.exec(left.stderr)?.[1] ?? ''

  const soFar = await drydock(['logs', id])
  expect(soFar.stdout).toContain('at work')
  const following = start(['logs', '-f', id], { env })
  await following.saw('stdout', 'at work')
  expect((await drydock(['cancel', id])).code).toBe(0)
  expect((await following.ended).code).toBe(0)
  expect(JSON.parse((await drydock(['status', id, '--json'])).stdout)).toMatchObject({ state: 'cancelled' })
  const twice = await drydock(['cancel', id, '--json'])
  expect(twice.code).toBe(0)
  expect(JSON.parse(twice.stdout)).toMatchObject({ state: 'cancelled' })

  server.child.kill('SIGTERM')
  expect((await server.ended).code).toBe(0)
  expect(containersOf(data)).toEqual([])
})

test.each([
  [['frobnicate'], 'There is no command "frobnicate"'],
  [['exce'], 'Did you mean "exec"?'],
  [['env', 'crate'], 'Did you mean "env create"?'],
  [['status'], 'TASK is missing'],
  [['list', '--jsno'], 'Did you mean --json?'],
  [['serve', '--port', 'x'], 'not a number from 0 to 65535'],
  [['serve', '--role', 'x'], 'it is one of all, api, runner'],
  [['bench', 'stat'], 'There is no benchmark "stat". Did you mean "start"?'],
])('drydock %j is wrong use', async (args, message) => {
  const plain = await run(args)
  expect(plain).toMatchObject({ code: 2, stdout: '' })
  expect(plain.stderr).toContain(message)
  const json = await run([...args, '--json'])
  expect(json.code).toBe(2)
  expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'usage', detail: expect.stringContaining(message) } })
})

test('--help of every command exits 0 and has examples; --version is the package version', async () => {
  const { stdout } = await run(['--help'])
  const names = [...stdout.matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}\S/gm)].map(([, name]) => name ?? '')
  expect(names).toContain('env create')
  expect(names.length).toBeGreaterThanOrEqual(19)
  for (const name of names) {
    const help = await run([...name.split(' '), '--help'])
    expect(help.code).toBe(0)
    expect(help.stdout).toContain(`Examples\n  `)
  }
  const { version } = documentOf<{ version: string }>({ stdout: readFileSync('package.json', 'utf8') })
  expect(await run(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` })
})

test('a reader that has seen enough is no fault', async () => {
  const { child, ended } = start(['--help'])
  child.stdout.destroy()
  expect([0, null]).toContain((await ended).code)
})
