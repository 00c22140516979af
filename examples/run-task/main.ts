// Gives a task to an agent, waits for its end and prints what it changed:
//   DRYDOCK_URL=… DRYDOCK_TOKEN=… node dist/examples/run-task/main.js ENVIRONMENT "Fix the failing test"

import { createDrydockClient } from '../../client/client.ts'
import { dataOf } from '../../client/problem.ts'

const { DRYDOCK_URL: url = 'http://127.0.0.1:7070', DRYDOCK_TOKEN: token = '' } = process.env
const [environment = '', prompt = ''] = process.argv.slice(2)

const drydock = createDrydockClient({ url, token })
const { id } = dataOf(await drydock.POST('/api/v1/tasks', { body: { environment, prompt, mode: 'code' } }))
console.error(`Task ${id}`)

const { state, turns } = await drydock.waitForTask(id)
for (const attempt of turns.flatMap((turn) => turn.attempts)) {
  const path = { id: attempt.id }
  const patch = await drydock.GET('/api/v1/attempts/{id}/diff', { params: { path }, parseAs: 'text' })
  console.log(dataOf(patch))
}
process.exitCode = state === 'succeeded' ? 0 : 1
