import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { GatewaySettings, LeaseRenewal, LocalAccess, ModelUsage, SandboxConfig } from '../../control.ts'
import type { Spool } from '../ledger/spool.ts'
import { readBody } from './body.ts'
import { Refused } from './refused.ts'
import { AckSchema, LeaseSchema, LocalSchema, SandboxConfigSchema, SandboxId, SettingsSchema } from './schemas.ts'
import { streamLedger } from './stream.ts'

export type Authorities = { caPem: string; nextCaPem?: string }

export type ControlDeps = {
  version: string
  /** Another one after each start. */
  boot: string
  sessions: {
    count: () => number
    /** Throws Refused; in force when it resolves. */
    put: (config: SandboxConfig) => Promise<void>
    remove: (id: string) => Promise<number>
    renew: (renewal: LeaseRenewal) => string[]
  }
  spool: Pick<Spool, 'read' | 'acknowledge' | 'fault'>
  authorities: () => Authorities
  rotateAuthority: (step: RotationStep) => Promise<void>
  /** In force when it returns. */
  putLocal: (access: LocalAccess) => void
  usageOf: (id: string) => ModelUsage | undefined
  /** Throws Refused when they make no sense; then the ones before hold. */
  applySettings: (settings: GatewaySettings) => Promise<void>
  log: (message: string) => void
}

const ROTATION_STEPS = ['prepare', 'activate', 'drop'] as const
export type RotationStep = (typeof ROTATION_STEPS)[number]

type Answer = { status: number; body?: unknown }
type Route = {
  method: string
  path: RegExp
  run: (request: IncomingMessage, found: { id: string; query: URLSearchParams }, deps: ControlDeps) => Promise<Answer>
}

const ROUTES: readonly Route[] = [
  { method: 'GET', path: /^\/health$/, run: health },
  { method: 'PUT', path: /^\/sandboxes\/([^/]+)$/, run: putSandbox },
  { method: 'DELETE', path: /^\/sandboxes\/([^/]+)$/, run: deleteSandbox },
  { method: 'POST', path: /^\/lease$/, run: renewLeases },
  { method: 'PUT', path: /^\/settings$/, run: putSettings },
  { method: 'PUT', path: /^\/local$/, run: putLocal },
  { method: 'POST', path: /^\/ledger\/ack$/, run: acknowledge },
  { method: 'GET', path: /^\/usage\/([^/]+)$/, run: usage },
  { method: 'POST', path: /^\/ca\/rotate$/, run: rotate },
]

/** What runner and gateway say to each other; see control.ts for the protocol. */
export function createControlServer(deps: ControlDeps): Server {
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => void handle(request, response, deps))
  server.headersTimeout = 10_000
  server.requestTimeout = 30_000
  server.on('clientError', (_, socket) => void socket.destroy())
  return server
}

async function handle(request: IncomingMessage, response: ServerResponse, deps: ControlDeps): Promise<void> {
  try {
    const { pathname, searchParams } = new URL(`http://gateway${request.url ?? '/'}`)
    if (request.method === 'GET' && pathname === '/ledger') {
      await streamLedger(response, after(searchParams), deps.spool)
      return
    }
    answer(response, await find(request, pathname)(request, searchParams, deps))
  } catch (error) {
    refuse(request, response, error, deps)
  }
}

function find(request: IncomingMessage, pathname: string) {
  for (const { method, path, run } of ROUTES) {
    const match = method === request.method ? path.exec(pathname) : null
    if (match) {
      return (of: IncomingMessage, query: URLSearchParams, deps: ControlDeps) =>
        run(of, { id: decode(match[1] ?? ''), query }, deps)
    }
  }
  throw new Refused(404, 'unknown-route', `Cannot answer ${request.method ?? ''} ${pathname.slice(0, 100)}: unknown`)
}

async function health(_: IncomingMessage, __: unknown, deps: ControlDeps): Promise<Answer> {
  const { version, boot, sessions, spool } = deps
  const ledger = spool.fault === undefined ? 'ok' : 'failed'
  return { status: 200, body: { version, boot, sandboxes: sessions.count(), ledger, ...deps.authorities() } }
}

async function putSandbox(request: IncomingMessage, { id }: { id: string }, deps: ControlDeps): Promise<Answer> {
  const config = await readBody(request, SandboxConfigSchema)
  if (config.id !== id) throw new Refused(422, 'invalid', 'Cannot set the sandbox: its id differs from the path')
  await deps.sessions.put(config)
  return { status: 204 }
}

async function deleteSandbox(_: IncomingMessage, { id }: { id: string }, deps: ControlDeps): Promise<Answer> {
  return { status: 200, body: { lastPosition: await deps.sessions.remove(id) } }
}

async function renewLeases(request: IncomingMessage, _: unknown, deps: ControlDeps): Promise<Answer> {
  return { status: 200, body: { unknown: deps.sessions.renew(await readBody(request, LeaseSchema)) } }
}

async function putSettings(request: IncomingMessage, _: unknown, deps: ControlDeps): Promise<Answer> {
  await deps.applySettings(await readBody(request, SettingsSchema))
  return { status: 204 }
}

async function putLocal(request: IncomingMessage, _: unknown, deps: ControlDeps): Promise<Answer> {
  deps.putLocal(await readBody(request, LocalSchema))
  return { status: 204 }
}

async function acknowledge(request: IncomingMessage, _: unknown, deps: ControlDeps): Promise<Answer> {
  deps.spool.acknowledge((await readBody(request, AckSchema)).position)
  return { status: 204 }
}

async function usage(_: IncomingMessage, { id }: { id: string }, deps: ControlDeps): Promise<Answer> {
  const body = deps.usageOf(id)
  if (!body) throw new Refused(404, 'unknown-sandbox', `Cannot tell the usage: no sandbox "${id}"`)
  return { status: 200, body }
}

async function rotate(_: IncomingMessage, { query }: { query: URLSearchParams }, deps: ControlDeps): Promise<Answer> {
  const asked = query.get('step') ?? 'prepare'
  const step = ROTATION_STEPS.find((each) => each === asked)
  if (!step) throw new Refused(422, 'invalid', `Cannot rotate the CA: "step" is one of ${ROTATION_STEPS.join(', ')}`)
  await deps.rotateAuthority(step)
  return { status: 200, body: deps.authorities() }
}

function after(query: URLSearchParams): number {
  const text = query.get('after') ?? '0'
  if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw new Refused(422, 'invalid', 'Cannot read the ledger: "after" is not a position')
  }
  return Number(text)
}

function decode(id: string): string {
  const parsed = SandboxId.safeParse(id)
  if (id !== '' && !parsed.success) throw new Refused(422, 'invalid', 'Cannot find the sandbox: its id is malformed')
  return id
}

function answer(response: ServerResponse, { status, body }: Answer): void {
  const text = body === undefined ? '' : JSON.stringify(body)
  response.writeHead(status, text === '' ? {} : { 'content-type': 'application/json' }).end(text)
}

function refuse(request: IncomingMessage, response: ServerResponse, error: unknown, deps: ControlDeps): void {
  // What is left of the request is not read.
  if (!request.complete) response.shouldKeepAlive = false
  if (!(error instanceof Refused))
    deps.log(`a control request failed: ${error instanceof Error ? error.name : 'unknown'}`)
  if (response.headersSent) {
    response.destroy()
  } else if (error instanceof Refused) {
    answer(response, { status: error.status, body: { code: error.code, message: error.message } })
  } else {
    answer(response, { status: 500, body: { code: 'internal', message: 'Cannot answer: the gateway failed' } })
  }
}
