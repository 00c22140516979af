import { SERVER } from '../../domain/audit/actions.ts'
import { AccessWatch } from '../../api/access-watch.ts'
import { createApp } from '../../api/app.ts'
import { tokenLookUp } from '../../api/authenticate.ts'
import type { ApiDeps } from '../../api/context.ts'
import { EventHub } from '../../api/event-hub.ts'
import { gatewayCaller } from '../../api/model/gateway.ts'
import { createMetrics } from '../../api/metrics.ts'
import { createToken } from '../../domain/access/tokens.ts'
import { SCOPES } from '../../domain/access/principal.ts'
import type { BuiltInRole } from '../../domain/access/permissions.ts'
import type { Scope } from '../../domain/access/principal.ts'
import { aForge } from './forge.ts'
import { seedUser } from './seed.ts'
import { testDatabase } from './database.ts'
import type { TestDatabase } from './database.ts'

export type Answer<T = Record<string, unknown>> = { status: number; json: T; text: string; headers: Headers }
export type Call = <T = Record<string, unknown>>(
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer<T>>

export type TestApi = AsyncDisposable & {
  app: ReturnType<typeof createApp>
  database: TestDatabase
  hub: EventHub
  /** What the server logged as its own fault. */
  errors: unknown[]
  /** Makes a person and answers with how they call the api. Paths are below /api/v1. */
  person(role?: BuiltInRole, scopes?: readonly Scope[]): Promise<{ userId: string; token: string; call: Call }>
}

/** The api in memory on a fresh database. */
export async function testApi(
  overrides: Partial<ApiDeps> & { heartbeatMs?: number; pollMs?: number } = {},
): Promise<TestApi> {
  const { heartbeatMs, pollMs, ...deps } = overrides
  const database = await testDatabase()
  const errors: unknown[] = []
  const logger = {
    debug: () => undefined,
    info: () => undefined,
    error: (fields: Record<string, unknown>) => void errors.push(fields.err),
  }
  const timing = { ...(heartbeatMs !== undefined && { heartbeatMs }), ...(pollMs !== undefined && { pollMs }) }
  const hub = await EventHub.start(database, { logger, ...timing })
  const access = await AccessWatch.start(database, { logger })
  const app = createApp({
    db: database.db,
    events: hub,
    access,
    authenticate: tokenLookUp(database.db),
    checkAddress: async () => {},
    forge: aForge(),
    callGateway: gatewayCaller(undefined),
    metrics: createMetrics({ ofProcess: false }),
    logger,
    version: 'test',
    ...deps,
  })
  return {
    app,
    database,
    hub,
    errors,
    person: async (role = 'admin', scopes = SCOPES) => {
      const userId = await seedUser(database.db, { role })
      const { token } = await createToken(database.db, { by: SERVER, userId, name: 'test', scopes })
      return { userId, token, call: callWith(app, token) }
    },
    async [Symbol.asyncDispose]() {
      await hub[Symbol.asyncDispose]()
      await access[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

/** Calls an app below /api/v1; a string body goes out as it is. */
export function callWith(app: Pick<ReturnType<typeof createApp>, 'request'>, token: string): Call {
  return async <T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const response = await app.request(`/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = /[/+]json\b/.test(response.headers.get('content-type') ?? '')
    return {
      status: response.status,
      json: (isJson ? JSON.parse(text) : undefined) as T,
      text,
      headers: response.headers,
    }
  }
}

export type SseEvent = { id?: number; event?: string; data?: string; comment?: string }

/** Reads server-sent events one by one. */
export async function* readSse(body: ReadableStream<Uint8Array>): AsyncGenerator<SseEvent, void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true })
    const blocks = rest.split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) yield parseBlock(block)
  }
}

function parseBlock(block: string): SseEvent {
  const event: SseEvent = {}
  for (const line of block.split('\n')) {
    const [, name = '', value = ''] = /^([a-z]*): ?(.*)$/s.exec(line) ?? []
    if (name === 'id') event.id = Number(value)
    else if (name === 'event') event.event = value
    else if (name === 'data') event.data = value
    else if (name === '') event.comment = value
  }
  return event
}
