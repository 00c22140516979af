import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { CacheJson } from '../api/schemas/cache.ts'
import type {
  ChangedEnvironmentJson,
  EnvironmentChangeJson,
  EnvironmentJson,
  NewEnvironmentJson,
} from '../api/schemas/environment.ts'
import type { MeJson } from '../api/schemas/people.ts'
import type { InspectionJson } from '../api/schemas/inspection.ts'
import type { LedgerJson } from '../api/schemas/ledger.ts'
import type { EventJson, NewTaskJson, NewTurnJson, PublishJson, TaskJson, TaskPageJson } from '../api/schemas/task.ts'
import { isThisMachine } from './config.ts'
import type { ClientConfig } from './config.ts'
import type { CliContext } from './context.ts'
import { CliError, usageError } from './errors.ts'
import { auditCalls } from './audit-calls.ts'
import { environmentFileCalls } from './environment-file-calls.ts'
import { forgeCalls } from './forge-calls.ts'
import { followEvents } from './follow.ts'
import { peopleCalls } from './people-calls.ts'
import { providerCalls } from './provider-calls.ts'
import { settingsCalls } from './settings-calls.ts'
import { secretCalls } from './secret-calls.ts'
import { jsonCaller } from './json-caller.ts'
import { segment } from './segment.ts'
import { neutraliseLine } from './terminal.ts'

export type TaskFilter = { limit?: string; cursor?: string; environment?: string; state?: string }

export type Call = {
  method?: string
  path: string
  query?: Record<string, string | undefined>
  body?: unknown
  headers?: Record<string, string>
}
export type Caller = (call: Call, signal: AbortSignal) => Promise<Response>

/** The API as functions. Every one rejects with a `CliError` that carries the server's code and sentence. */
export type Client = Awaited<ReturnType<typeof createClient>>

/** Connects the commands to the server that the configuration names. Nothing is sent yet. */
export async function createClient(context: Pick<CliContext, 'config' | 'fetch' | 'signal'>) {
  const { fetch, signal } = context
  const config = context.config()
  const call = createCaller(config, { token: await tokenOf(config), fetch })
  const json = jsonCaller(call, signal)
  return {
    whoAmI: () => json<MeJson>({ path: '/me' }),
    revokeToken: async (id: string) => {
      await call({ method: 'DELETE', path: `/tokens/${segment(id)}` }, signal)
    },
    createTask: (body: NewTaskJson) =>
      json<TaskJson>({ method: 'POST', path: '/tasks', body, headers: { 'idempotency-key': randomUUID() } }),
    listTasks: (query: TaskFilter) => json<TaskPageJson>({ path: '/tasks', query }),
    readTask: (id: string) => json<TaskJson>({ path: `/tasks/${segment(id)}` }),
    cancelTask: (id: string) => json<TaskJson>({ method: 'POST', path: `/tasks/${segment(id)}/cancel` }),
    followTask: (id: string, stop: AbortSignal = signal): AsyncGenerator<EventJson> =>
      followEvents({ open: (after, until) => openEvents(call, { id, after }, until) }, stop),
    readPatch: async (attempt: string, repository?: string) => {
      const response = await call({ path: `/attempts/${segment(attempt)}/diff`, query: { repository } }, signal)
      return new Uint8Array(await response.arrayBuffer())
    },
    createTurn: (task: string, body: NewTurnJson) =>
      json<TaskJson>({ method: 'POST', path: `/tasks/${segment(task)}/turns`, body }),
    readLedger: (attempt: string, after?: string) =>
      json<LedgerJson>({ path: `/attempts/${segment(attempt)}/ledger`, query: { after } }),
    readBuildLedger: (environment: string, after?: string) =>
      json<LedgerJson>({ path: `/environments/${segment(environment)}/cache/ledger`, query: { after } }),
    ...auditCalls(call, signal),
    ...providerCalls(call, signal),
    ...peopleCalls(call, signal),
    ...forgeCalls(call, signal),
    ...settingsCalls(call, signal),
    ...environmentFileCalls(call, signal),
    ...secretCalls(call, signal),
    publish: (attempt: string, confirmFlagged: boolean) =>
      json<PublishJson>({
        method: 'POST',
        path: `/attempts/${segment(attempt)}/pull-request`,
        body: { confirmFlagged },
      }),
    inspectRepository: (repository: string) =>
      json<InspectionJson>({ method: 'POST', path: '/repositories/inspect', body: { repository } }),
    createEnvironment: (body: NewEnvironmentJson) =>
      json<EnvironmentJson>({ method: 'POST', path: '/environments', body }),
    listEnvironments: () => json<{ data: EnvironmentJson[] }>({ path: '/environments' }),
    readEnvironment: (id: string) => json<EnvironmentJson>({ path: `/environments/${segment(id)}` }),
    updateEnvironment: (id: string, body: EnvironmentChangeJson) =>
      json<ChangedEnvironmentJson>({ method: 'PATCH', path: `/environments/${segment(id)}`, body }),
    readCache: (id: string) => json<CacheJson>({ path: `/environments/${segment(id)}/cache` }),
    refreshCache: (id: string) => json<CacheJson>({ method: 'POST', path: `/environments/${segment(id)}/refresh` }),
    resetCache: (id: string) => json<CacheJson>({ method: 'POST', path: `/environments/${segment(id)}/reset-cache` }),
    deleteEnvironment: async (id: string) => {
      await call({ method: 'DELETE', path: `/environments/${segment(id)}` }, signal)
    },
  }
}

async function openEvents(call: Caller, { id, after }: { id: string; after: number }, signal: AbortSignal) {
  const headers = { accept: 'text/event-stream', ...(after > 0 && { 'last-event-id': String(after) }) }
  const { body } = await call({ path: `/tasks/${segment(id)}/events`, headers }, signal)
  if (body === null) throw new CliError('internal', 'Cannot follow the task: the answer has no body')
  return body
}

type CallerOptions = {
  /** None for the few routes where nobody has to say who they are. */
  token?: string
  fetch: CliContext['fetch']
  /** What all paths begin with. */
  root?: string
}

export function createCaller(config: ClientConfig, { token, fetch, root = '/api/v1' }: CallerOptions): Caller {
  const base = config.url.href.replace(/\/+$/, '') + root
  return async ({ method = 'GET', path, query = {}, body, headers = {} }, signal) => {
    const url = new URL(`${base}${path}`)
    for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, value)
    const init = {
      method,
      // A redirect could carry the token elsewhere.
      redirect: 'error' as const,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        'x-drydock-product': 'cli',
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal,
    }
    const response = await fetch(url, init).catch((error: unknown) => {
      throw signal.aborted ? error : unreachable(config, error)
    })
    if (!response.ok) throw await refusal(response)
    return response
  }
}

async function tokenOf({ token, tokenFile, url }: ClientConfig): Promise<string> {
  if (token !== undefined) return token
  const isLocal = isThisMachine(url)
  // The local administrator's token goes to this machine only.
  const fromFile = isLocal ? await readFile(tokenFile, 'utf8').catch(() => '') : ''
  if (fromFile.trim() !== '') return fromFile.trim()
  const where = isLocal
    ? `, and ${tokenFile} cannot be read. Start the server with "bin/drydock serve", or set the token`
    : ''
  throw usageError(
    `Cannot ask ${url.origin}: DRYDOCK_TOKEN is not set, and no "drydock login" was made there${where}`,
    'token-missing',
  )
}

function unreachable({ url }: ClientConfig, error: unknown): CliError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const why: Record<string, string> = {
    ECONNREFUSED: 'nothing listens there',
    ENOTFOUND: 'the name is unknown',
    ECONNRESET: 'it closed the connection',
  }
  const state = why[code] ?? (cause instanceof Error ? cause.message : String(cause))
  const hint = 'Start it with "bin/drydock serve", or set DRYDOCK_URL'
  return new CliError('server-unreachable', `Cannot reach the server at ${url.origin}: ${state}. ${hint}`, {
    cause: error,
  })
}

// What was typed is wrong; anything else is the state of the world.
const WRONG_USE = new Set([400, 401, 404, 413, 422])

async function refusal(response: Response): Promise<CliError> {
  const text = await response.text().catch(() => '')
  const exitCode = WRONG_USE.has(response.status) ? 2 : 1
  const problem = parseProblem(text)
  if (problem === undefined) {
    return new CliError(
      'internal',
      `Cannot read the server's answer: it has status ${response.status}, and is not Drydock's`,
      { exitCode: 1 },
    )
  }
  return new CliError(problem.code, neutraliseLine(problem.detail), { exitCode })
}

function parseProblem(text: string): { code: string; detail: string } | undefined {
  try {
    const value = JSON.parse(text) as { code?: unknown; detail?: unknown }
    return typeof value.code === 'string' && typeof value.detail === 'string'
      ? { code: value.code, detail: value.detail }
      : undefined
  } catch {
    return undefined
  }
}
