import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EnvironmentJson } from '../../api/schemas/environment.ts'
import { IS_LONG } from '../support/long.ts'
import { bareRepository, testServer } from '../support/server.ts'
import type { TaskJson, TestServer } from '../support/server.ts'
import { COMPILED_SHAPES } from '../support/shapes/compiled.ts'
import { MIXED_SHAPES } from '../support/shapes/mixed.ts'
import { NODE_SHAPES } from '../support/shapes/node.ts'
import { PYTHON_SHAPES } from '../support/shapes/python.ts'
import { UNIGNORED_SHAPES } from '../support/shapes/unignored.ts'
import type { Shape } from '../support/shapes/shape.ts'
import { documentOf, run } from './program.ts'

const EVERY_SHAPE = [...NODE_SHAPES, ...PYTHON_SHAPES, ...COMPILED_SHAPES, ...MIXED_SHAPES, ...UNIGNORED_SHAPES]
/** One of each family, and what must not be believed. */
const CHOICE = ['npm', 'a CI file that hints wrongly', 'Python with requirement files', 'Rust', 'C with make', 'Ruby']
const SHAPES = IS_LONG ? EVERY_SHAPE : EVERY_SHAPE.filter(({ name }) => CHOICE.includes(name))
/** The registry may lie at an address that is not public; other registries are not needed. */
const POLICY = JSON.stringify({ setup: { allow: [{ host: 'registry.npmjs.org', internal: true }] } })

let server: TestServer
beforeAll(async () => {
  server = await testServer({ env: { DRYDOCK_CAPACITY: '3' } })
  await writeFile(policyFile(), POLICY)
})
afterAll(() => server[Symbol.asyncDispose]())

const policyFile = () => `${server.folder}/policy.json`

const drydock = (...args: string[]) => run(args, { env: { DRYDOCK_URL: server.url, DRYDOCK_TOKEN: server.token } })

/** Sets up what the repository proposes, then runs the proposed commands where the agent would be, without a network. */
async function wholeWay(shape: Shape, name: string) {
  const repository = await bareRepository(server.folder, { ...shape.files })
  const made = await drydock('env', 'create', '--name', name, '--repo', repository, '--policy', policyFile(), '--json')
  expect(made.stderr).toContain('Read main at')
  const { verification } = documentOf<EnvironmentJson>(made)
  const prompt = ['set -ex', ...verification].join('\n')
  const created = await server.call<TaskJson>('POST', '/tasks', { environment: name, mode: 'code', prompt })
  const task = await server.finished(created.body.id)
  const attempt = task.turns[0]?.attempts[0]
  return { id: task.id, state: attempt?.state, message: attempt?.message, diff: attempt?.diff }
}

test.concurrent.each(SHAPES.map((shape, i) => [shape.name, shape, i] as [string, Shape, number]))(
  'an environment made without a script builds and tests %s, and leaves no change',
  { timeout: 600_000 },
  async (_, shape, i) => {
    const end = await wholeWay(shape, `shape-${i}`)
    const log = end.state === 'succeeded' ? '' : (await drydock('logs', end.id)).stdout.slice(-4000)
    expect({ ...end, log }).toMatchObject({ state: 'succeeded', diff: { files: 0 } })
  },
)
