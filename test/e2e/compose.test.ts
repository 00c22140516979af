import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { hostAddress } from '../support/host-address.ts'
import { startMockModel } from '../support/mock-model/server.ts'
import { bareRepository, gitIn } from '../support/server.ts'
import type { TaskJson } from '../support/server.ts'

const run = promisify(execFile)
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const KEY = 'sk-canary-compose-0123456789abcdef'
/** A gateway's first start, on a machine that does more at once. */
const START_LIMIT_MS = 180_000
const COMMANDS = [['docker', 'compose'], ['docker-compose']].filter(isThere)

function isThere([program = '', ...args]: string[]): boolean {
  try {
    execFileSync(program, [...args, 'version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

type Stack = { command: string[]; project: string; env: NodeJS.ProcessEnv }

async function compose({ command, project, env }: Stack, ...args: string[]): Promise<string> {
  const [program = '', ...first] = command
  const { stdout } = await run(program, [...first, '-p', project, ...args], { cwd: ROOT, env })
  return stdout
}

function stackOf(command: string[], data: string): Stack {
  const settings = {
    DRYDOCK_DATABASE_PASSWORD: 'for-this-test',
    DRYDOCK_MASTER_KEY: randomBytes(32).toString('base64'),
    DRYDOCK_DATA: data,
    DRYDOCK_REPOSITORIES: join(data, 'repositories'),
  }
  return { command, project: `drydock-test-${process.pid}`, env: { ...process.env, ...settings } }
}

/** What one service is made of, in the words of either version's `config`. */
function service(config: string, name: string): string {
  const services = config.slice(config.search(/^services:/m))
  const lines = services.split('\n')
  const from = lines.indexOf(`  ${name}:`)
  const length = lines.slice(from + 1).findIndex((line) => /^ {0,2}\S/.test(line))
  return lines.slice(from + 1, length < 0 ? undefined : from + 1 + length).join('\n')
}

describe.skipIf(COMMANDS.length === 0)('docker-compose.yml', () => {
  test.each(COMMANDS.map((command) => [command.join(' '), command] as const))('%s accepts it', async (_, command) => {
    const config = await compose(stackOf(command, '/srv/somewhere'), 'config')
    const [api, runner, postgres] = ['api', 'runner', 'postgres'].map((name) => service(config, name))

    expect(api).toMatch(/cap_drop:\s+- ALL/)
    expect(api).toMatch(/no-new-privileges:true/)
    expect(api).toMatch(/read_only: true/)
    expect(api).not.toMatch(/docker\.sock|privileged|cap_add/)
    expect(api?.match(/\/srv\/somewhere[^:\s]*/g)).not.toContain('/srv/somewhere')
    expect(runner).toContain('docker.sock')
    expect(runner).toMatch(/\/srv\/somewhere:\/srv\/somewhere(:rw)?$|source: (\/srv\/somewhere)\n\s+target: \2$/m)
    expect(runner).toMatch(/DRYDOCK_IMAGES: base=\S+,universal=\S+,gateway=\S+/)
    for (const each of [runner, postgres]) expect(each).not.toContain('privileged')
    expect(postgres).not.toMatch(/docker\.sock|ports:|\/srv\/somewhere/)
  })
})

const isWanted = process.env['DRYDOCK_TEST_COMPOSE'] === '1' && COMMANDS.length > 0

describe.skipIf(!isWanted)('the stack', () => {
  test.each(COMMANDS.map((command) => [command.join(' '), command] as const))(
    '%s brings it up, a task ends succeeded, and down leaves nothing',
    async (_, command) => {
      await run(
        process.execPath,
        ['scripts/image.mjs', 'build', 'base', 'universal', 'postgres', 'gateway', 'server'],
        {
          cwd: ROOT,
        },
      )
      const data = await mkdtemp(join(tmpdir(), 'dd-compose-'))
      const stack = stackOf(command, data)
      stack.env['DRYDOCK_PORT'] = String(await freePort())
      const tokenFile = join(data, 'admin-token')
      const drydock = async (...args: string[]) => {
        const token = (await readFile(tokenFile, 'utf8')).trim()
        const env = {
          ...process.env,
          DRYDOCK_URL: `http://127.0.0.1:${stack.env['DRYDOCK_PORT']}`,
          DRYDOCK_TOKEN: token,
        }
        const { stdout } = await run(join(ROOT, 'bin', 'drydock'), [...args, '--json'], { env })
        return JSON.parse(stdout) as TaskJson
      }
      try {
        await mkdir(join(data, 'repositories'))
        const origin = await bareRepository(join(data, 'repositories'))
        await compose(stack, 'up', '-d')
        await expect.poll(() => isReady(stack, tokenFile), { timeout: 60_000 }).toBe(true)

        const api = await compose(stack, 'ps', '-q', 'api')
        const { stdout } = await run('docker', ['inspect', '--format', '{{json .}}', api.trim()])
        expect(stdout).not.toContain('docker.sock')
        expect(JSON.parse(stdout)).toMatchObject({ HostConfig: { Privileged: false, CapDrop: ['ALL'], CapAdd: null } })

        const setup = join(data, 'setup.sh')
        await writeFile(setup, 'curl -sS -m 5 http://nowhere.invalid/ || true\n')
        const names = ['--name', 'hello', '--repo', origin, '--image', 'base']
        await drydock('env', 'create', ...names, '--publish', 'branch', '--setup', setup)
        const task = await drydock('exec', '--env', 'hello', '--wait', 'echo hi > x')
        const attempt = task.turns[0]?.attempts[0]
        expect(attempt).toMatchObject({ state: 'succeeded', publish: { state: 'published' } })
        expect(await gitIn(origin, 'show', `${attempt?.branch}:x`)).toBe('hi\n')
        // Its set-up went through a gateway that the runner started from inside of a container.
        expect(await drydock('ledger', task.id)).toMatchObject({ data: [{ phase: 'setup', reason: 'upstream-dns' }] })

        // People's own tools, through the one socket that the api sees; also once the runner has found its folders made.
        await using model = await startMockModel({ host: hostAddress(), key: KEY })
        const baseUrl = `http://${hostAddress()}:${model.port}/v1`
        const provider = { name: 'mock', wire: 'responses', baseUrl, key: KEY, internal: true, isDefault: true }
        expect(await ask(stack, tokenFile, '/api/v1/providers', provider)).toBe(201)
        const models = () => ask(stack, tokenFile, '/model/v1/models')
        await expect.poll(models, { timeout: START_LIMIT_MS }).toBe(200)
        await compose(stack, 'restart', 'runner')
        await expect.poll(models, { timeout: START_LIMIT_MS }).toBe(200)
        const again = await drydock('exec', '--env', 'hello', '--wait', 'echo hi > y')
        expect(again.turns[0]?.attempts[0]).toMatchObject({ state: 'succeeded' })

        // Stopped in the middle of a task, too.
        const hanging = await drydock('exec', '--env', 'hello', 'sleep 600')
        await expect.poll(async () => (await drydock('status', hanging.id)).state, { timeout: 30_000 }).toBe('running')
      } finally {
        await compose(stack, 'down', '-v')
      }
      const installation = await readFile(join(data, 'installation'), 'utf8')
      expect(await leftovers(stack.project, installation.trim())).toEqual([])
      await rm(data, { recursive: true })
    },
  )
})

async function isReady(stack: Stack, tokenFile: string): Promise<boolean> {
  const ready = await fetch(`http://127.0.0.1:${stack.env['DRYDOCK_PORT']}/readyz`).catch(() => undefined)
  return (
    ready?.ok === true &&
    (await access(tokenFile).then(
      () => true,
      () => false,
    ))
  )
}

/** Answers with the status. */
async function ask(stack: Stack, tokenFile: string, path: string, body?: object): Promise<number> {
  const token = (await readFile(tokenFile, 'utf8')).trim()
  const response = await fetch(`http://127.0.0.1:${stack.env['DRYDOCK_PORT']}${path}`, {
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  })
  await response.text()
  return response.status
}

async function leftovers(project: string, installation: string): Promise<string[]> {
  const labels = [`drydock.installation=${installation}`, `com.docker.compose.project=${project}`]
  const lists = [
    ['ps', '-aq'],
    ['volume', 'ls', '-q'],
    ['network', 'ls', '-q'],
  ]
  const asked = labels.flatMap((label) => lists.map((list) => run('docker', [...list, '--filter', `label=${label}`])))
  return (await Promise.all(asked)).flatMap(({ stdout }) => stdout.split('\n').filter(Boolean))
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return typeof address === 'object' && address !== null ? address.port : 0
}
