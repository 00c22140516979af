import { createServer, request, type IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'

/** What Node's own parser makes of a message. */
export type OtherReading = {
  method: string | undefined
  url: string | undefined
  status: number | undefined
  /** Names in lower case and values, in order. */
  fields: readonly (readonly [string, string])[]
  body: string
  /** Its last byte has come. */
  complete: boolean
}

const LIMITS = { insecureHTTPParser: false, maxHeaderSize: 128 * 1024 }

/** A connection without a network: what is emitted as data is read at once. */
class Wire extends Duplex {
  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }
}

const server = createServer(LIMITS)
server.timeout = server.keepAliveTimeout = server.headersTimeout = server.requestTimeout = 0
let seen: IncomingMessage[] = []
let refused = false
const onMessage = (message: IncomingMessage) => void seen.push(message.on('error', () => undefined))
for (const event of ['request', 'upgrade', 'connect', 'checkContinue', 'checkExpectation']) server.on(event, onMessage)
server.on('clientError', () => (refused = true))

/** Reads requests as node:http does, one after the other. `refused`: there it read no further. */
export function readRequests(bytes: Buffer): { requests: OtherReading[]; refused: boolean } {
  const wire = new Wire().on('error', () => undefined)
  seen = []
  refused = false
  server.emit('connection', wire)
  wire.emit('data', bytes)
  const result = { requests: seen.map(readingOf), refused }
  wire.destroy()
  return result
}

/** Reads the answer to a request of a method as node:http does. Undefined: it does not take it. */
export async function readResponse(bytes: Buffer, method: string): Promise<OtherReading | undefined> {
  const wire = new Wire().on('error', () => undefined)
  let message: IncomingMessage | undefined
  const onResponse = (each: IncomingMessage) => void (message = each.on('error', () => undefined))
  const client = request({ ...LIMITS, method, createConnection: () => wire })
  client
    .on('error', () => undefined)
    .on('response', onResponse)
    .on('upgrade', onResponse)
    .on('information', () => undefined)
  client.end()
  // The parser is put on the connection in a later tick.
  await new Promise((resolve) => setImmediate(resolve))
  wire.emit('data', bytes)
  const reading = message && readingOf(message)
  client.destroy()
  wire.destroy()
  return reading
}

function readingOf(message: IncomingMessage): OtherReading {
  const { method, url, statusCode: status, rawHeaders, complete } = message
  const fields: [string, string][] = []
  for (let at = 0; at < rawHeaders.length; at += 2)
    fields.push([rawHeaders[at]?.toLowerCase() ?? '', rawHeaders[at + 1] ?? ''])
  let body = ''
  for (let part = message.read() as Buffer | null; part !== null; part = message.read() as Buffer | null)
    body += part.toString('latin1')
  return { method, url, status, fields, body, complete }
}

export const valuesOf = (reading: OtherReading, key: string): string[] =>
  reading.fields.flatMap(([name, value]) => (name === key ? [value] : []))
