import createClient from 'openapi-fetch'
import type { Client } from 'openapi-fetch'
import { dataOf } from './problem.ts'
import type { components, paths } from './schema.ts'

export type Task = components['schemas']['Task']
export type ClientOptions = {
  /** Where the server is, without `/api/v1`. */
  url: string | URL
  token: string
  fetch?: typeof globalThis.fetch
}
/** Every route of `/api/v1` as `GET(path, …)`, `POST(path, …)` and so on, each of which answers `{ data, error, response }`. */
export type DrydockClient = Client<paths> & {
  /**
   * The task once it has succeeded, failed or was cancelled. Outlasts lost connections and servers that start
   * anew. Rejects with `ApiProblem` when the server refuses, and when the signal aborts.
   */
  waitForTask: (id: string, options?: WaitOptions) => Promise<Task>
}
export type WaitOptions = {
  signal?: AbortSignal
  /** How long nothing may be heard of the server; a minute. */
  patienceMs?: number
}

const SECOND = 1000
const RETRY_MS = SECOND / 2
const OVER: readonly Task['state'][] = ['succeeded', 'failed', 'cancelled']

/** Speaks to one server as the person of a token. Nothing is sent yet. */
export function createDrydockClient({ url, token, fetch = globalThis.fetch }: ClientOptions): DrydockClient {
  const http = createClient<paths>({
    baseUrl: String(url).replace(/\/+$/, ''),
    headers: { authorization: `Bearer ${token}` },
    // A redirect could carry the token elsewhere.
    redirect: 'error',
    fetch: (request) => fetch(request),
  })
  return { ...http, waitForTask: (id, options) => waitForTask(http, id, options) }
}

async function waitForTask(http: Client<paths>, id: string, { signal, patienceMs = 60 * SECOND }: WaitOptions = {}) {
  const request = { params: { path: { id } }, ...(signal && { signal }) }
  let heardAt = performance.now()
  for (;;) {
    try {
      const task = dataOf(await http.GET('/api/v1/tasks/{id}', request))
      heardAt = performance.now()
      if (OVER.includes(task.state)) return task
      // The stream ends with the task; what is in it is not needed here.
      const { response } = await http.GET('/api/v1/tasks/{id}/events', { ...request, parseAs: 'stream' })
      await response.body?.pipeTo(new WritableStream({ write: () => void (heardAt = performance.now()) }))
    } catch (error) {
      // fetch() says with a TypeError that there was no answer, or that it broke off.
      if (!(error instanceof TypeError) || performance.now() - heardAt > patienceMs) throw error
    }
    await pause(signal)
  }
}

/** A server that ends streams early is not asked without a pause. */
async function pause(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  signal?.throwIfAborted()
}
