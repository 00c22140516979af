import { expect, test } from 'vitest'
import { createDrydockClient } from '../../client/client.ts'
import { dataOf } from '../../client/problem.ts'
import { problem, task } from '../cli/fakes.ts'

const GONE = new TypeError('fetch failed')
type Answer = Response | Error | (() => Response)

/** A client whose server gives these answers, one after the other, and what it was asked. */
function clientWith(...answers: Answer[]) {
  const asked: Request[] = []
  const fetch = (async (request: Request) => {
    asked.push(request)
    const next = answers.shift() ?? new Error('the test has no further answer')
    if (next instanceof Error) throw next
    return typeof next === 'function' ? next() : next
  }) as typeof globalThis.fetch
  const client = createDrydockClient({ url: 'https://drydock.test/base/', token: 'dd_test', fetch })
  return { client, paths: () => asked.map(({ method, url }) => `${method} ${new URL(url).pathname}`), asked }
}

const inState = (state: string) => Response.json(task({ state }))
const stream = () => new Response('event: end\ndata: {}\n\n', { headers: { 'content-type': 'text/event-stream' } })

test('a request carries the token, and follows nobody elsewhere with it', async () => {
  const { client, asked, paths } = clientWith(inState('running'))
  const found = dataOf(await client.GET('/api/v1/tasks/{id}', { params: { path: { id: 'a/b' } } }))
  expect(found.state).toBe('running')
  expect(paths()).toEqual(['GET /base/api/v1/tasks/a%2Fb'])
  expect([asked[0]?.headers.get('authorization'), asked[0]?.redirect]).toEqual(['Bearer dd_test', 'error'])
})

test('waitForTask() follows the task to its end, through a lost connection and a server that is away', async () => {
  const { client, paths } = clientWith(inState('running'), stream(), GONE, inState('queued'), GONE, inState('failed'))
  expect((await client.waitForTask('t1')).state).toBe('failed')
  const [look, follow] = ['GET /base/api/v1/tasks/t1', 'GET /base/api/v1/tasks/t1/events']
  expect(paths()).toEqual([look, follow, look, look, follow, look])
})

test('waitForTask() gives up a server that stays away', async () => {
  await expect(clientWith(GONE, GONE).client.waitForTask('t1', { patienceMs: 0 })).rejects.toBe(GONE)
})

test('waitForTask() ends with its signal', async () => {
  const stop = new AbortController()
  const answers = () => {
    stop.abort(new Error('enough'))
    return stream()
  }
  const { client } = clientWith(inState('running'), answers)
  await expect(client.waitForTask('t1', { signal: stop.signal })).rejects.toThrow('enough')
})

test.each([
  [problem(404, 'task-not-found', 'Cannot find task "t1"'), 404, 'task-not-found', 'Cannot find task "t1"'],
  [new Response('<html>', { status: 502 }), 502, 'internal', 'status 502'],
])('waitForTask() rejects with what the server says', async (answer, status, code, message) => {
  const waiting = clientWith(answer).client.waitForTask('t1')
  await expect(waiting).rejects.toMatchObject({ name: 'ApiProblem', status, code })
  await expect(waiting).rejects.toThrow(message)
})
