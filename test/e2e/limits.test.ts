import { afterAll, beforeAll, expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import type { TestDatabase } from '../support/database.ts'
import { bareRepository, testServer } from '../support/server.ts'
import type { TaskJson, TestServer } from '../support/server.ts'

let database: TestDatabase
let server: TestServer
let repository: string
beforeAll(async () => {
  database = await testDatabase()
  server = await testServer({ databaseUrl: database.url })
  repository = await bareRepository(server.folder)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const STAND = 'while :; do sleep 60; done'

test.each([
  ['disk-full', 'head -c 200M /dev/zero > /tmp/big', { resources: { diskMiB: 64 } }],
  ['too-many-processes', 'for i in $(seq 200); do sleep 60 & done', { resources: { pids: 50 } }],
  ['out-of-memory', 'head -c 300M /dev/zero | tail -c 200M > /dev/null', { resources: { memoryMiB: 64 } }],
  ['timed-out:agent', STAND, { limits: { agentMs: 3000 } }],
  ['no-output:agent', STAND, { limits: { noOutputMs: 3000 } }],
  ['timed-out:total', STAND, { limits: { totalMs: 40_000 } }],
])(
  'a limit that the agent reaches has its reason, and what it changed until then is kept: %s',
  async (reason, script, set) => {
    const name = reason.replace(':', '-')
    await server.call('POST', '/environments', { name, repository, image: 'base', ...set })
    const prompt = `echo kept > kept.txt; ${script}; ${STAND}`
    const { body } = await server.call<TaskJson>('POST', '/tasks', { environment: name, mode: 'code', prompt })
    const attempt = (await server.finished(body.id)).turns[0]?.attempts[0]
    expect(attempt).toMatchObject({ state: 'failed', reason, diff: { files: 1, additions: 1 } })
    const patch = await server.call<string>('GET', `/attempts/${attempt?.id}/diff`)
    expect(patch.body).toContain('+kept')
  },
)
