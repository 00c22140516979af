import { Agent, request, type IncomingMessage } from 'node:http'
import { text as readText } from 'node:stream/consumers'
import type {
  GatewaySettings,
  LeaseRenewal,
  LocalAccess,
  ModelUsage,
  SandboxConfig,
  SpooledRecord,
} from '../../sandbox-policy/control.ts'

const CALL_LIMIT_MS = 5000
/** Longer than any record: its texts are cut. */
const MAX_LINE = 64 * 1024

export type Health = {
  version: string
  boot: string
  sandboxes: number
  ledger: 'ok' | 'failed'
  caPem: string
  nextCaPem?: string
}

/** The gateway is there and says no: trying again would not help. */
export class GatewayRefused extends Error {
  override name = 'GatewayRefused'
}

/** The gateway's control socket; see sandbox-policy/control.ts. Rejects with GatewayRefused when it says no. */
export interface ControlClient {
  health(): Promise<Health>
  putSettings(settings: GatewaySettings): Promise<void>
  putSandbox(config: SandboxConfig): Promise<void>
  putLocal(access: LocalAccess): Promise<void>
  /** Resolves to the position after which the sandbox has no record; undefined when the gateway does not say. */
  deleteSandbox(id: string): Promise<number | undefined>
  /** Resolves to the ids that the gateway does not know. */
  renew(lease: LeaseRenewal): Promise<readonly string[]>
  usage(id: string): Promise<ModelUsage>
  /** Hands on records after a position as they come, in batches; rejects or resolves when the connection ends. */
  ledger(
    after: number,
    onRecords: (records: readonly SpooledRecord[]) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>
  acknowledge(position: number): Promise<void>
  /** `prepare` makes a next CA, `activate` lets it sign, `drop` ends the old one. */
  rotateCa(step: 'prepare' | 'activate' | 'drop'): Promise<void>
  close(): void
}

type Call = { method: 'GET' | 'PUT' | 'POST' | 'DELETE'; path: string; body?: unknown }

export function controlClient(socketPath: string): ControlClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const send = ({ method, path, body }: Call, signal: AbortSignal) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const payload = body === undefined ? undefined : JSON.stringify(body)
      const headers =
        payload === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
      const outgoing = request({ socketPath, agent, method, path, headers, signal }, resolve)
      outgoing.on('error', reject)
      outgoing.end(payload)
    })
  const call = async (what: Call): Promise<unknown> => {
    const response = await send(what, AbortSignal.timeout(CALL_LIMIT_MS))
    const text = await readText(response)
    const status = response.statusCode ?? 0
    if (status < 200 || status > 299) throw failure(what, { status, text })
    return text === '' ? undefined : (JSON.parse(text) as unknown)
  }
  const sandbox = (id: string) => `/sandboxes/${encodeURIComponent(id)}`
  return {
    health: async () => (await call({ method: 'GET', path: '/health' })) as Health,
    async putSettings(settings) {
      await call({ method: 'PUT', path: '/settings', body: settings })
    },
    async putSandbox(config) {
      await call({ method: 'PUT', path: sandbox(config.id), body: config })
    },
    async putLocal(access) {
      await call({ method: 'PUT', path: '/local', body: access })
    },
    async deleteSandbox(id) {
      const answer = (await call({ method: 'DELETE', path: sandbox(id) })) as { lastPosition?: number } | undefined
      return answer?.lastPosition
    },
    async renew(lease) {
      const answer = (await call({ method: 'POST', path: '/lease', body: lease })) as { unknown?: string[] } | undefined
      return answer?.unknown ?? []
    },
    usage: async (id) => (await call({ method: 'GET', path: `/usage/${encodeURIComponent(id)}` })) as ModelUsage,
    async ledger(after, onRecords, signal) {
      const what: Call = { method: 'GET', path: `/ledger?after=${after}` }
      const response = await send(what, signal)
      if (response.statusCode !== 200) throw failure(what, { status: response.statusCode ?? 0, text: '' })
      for await (const records of batches(response)) await onRecords(records)
    },
    async acknowledge(position) {
      await call({ method: 'POST', path: '/ledger/ack', body: { position } })
    },
    async rotateCa(step) {
      await call({ method: 'POST', path: `/ca/rotate?step=${step}` })
    },
    close: () => agent.destroy(),
  }
}

/** The complete lines of each read, taken apart. Nothing more is read while a batch is being worked on. */
async function* batches(source: AsyncIterable<Buffer>): AsyncGenerator<SpooledRecord[]> {
  let rest = ''
  const decoder = new TextDecoder()
  for await (const chunk of source) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > MAX_LINE) throw new Error('Cannot read the ledger: a line of it has no end')
    const records = lines.filter(Boolean).map((line) => JSON.parse(line) as SpooledRecord)
    if (records.length > 0) yield records
  }
}

function failure({ method, path }: Call, { status, text }: { status: number; text: string }): Error {
  const message = `Cannot ${method} ${path} at the gateway: it answered ${status} ${text.slice(0, 500)}`
  return status >= 400 && status < 500 ? new GatewayRefused(message) : new Error(message)
}
