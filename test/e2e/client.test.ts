import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { bareRepository, testServer } from '../support/server.ts'

const node = (args: string[], env: Record<string, string> = {}) =>
  promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } })

test('the example gives a task, waits for it and prints its diff', async () => {
  await using server = await testServer()
  const repository = await bareRepository(server.folder)
  await server.call('POST', '/environments', { name: 'shop', repository, image: 'base' })
  await node(['scripts/build.mjs'])
  const example = (token: string, prompt: string) =>
    node(['dist/examples/run-task/main.js', 'shop', prompt], { DRYDOCK_URL: server.url, DRYDOCK_TOKEN: token })

  const { stdout, stderr } = await example(server.token, 'echo hello > hello.txt')
  expect(stderr).toMatch(/^Task \w+\n$/)
  expect(stdout).toContain('+++ b/hello.txt\n@@ -0,0 +1 @@\n+hello\n')
  await expect(example('dd_none', 'true')).rejects.toMatchObject({ stderr: expect.stringContaining('ApiProblem') })
})
