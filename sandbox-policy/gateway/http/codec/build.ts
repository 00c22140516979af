import { STATUS_CODES } from 'node:http'
import type { Framing } from './fields.ts'
import type { Field } from './field.ts'

/** A request head from its parts, latin1. `upgrade` adds the handshake of a WebSocket. */
export function requestText(request: {
  method: string
  target: string
  host: string
  fields: readonly Field[]
  body: Framing
  expectContinue: boolean
  upgrade: boolean
}): string {
  let text = `${request.method} ${request.target} HTTP/1.1\r\nHost: ${request.host}\r\n` + fieldLines(request.fields)
  if (request.expectContinue) text += 'Expect: 100-continue\r\n'
  if (request.upgrade) text += 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  return `${text}${framingLine(request.body)}\r\n`
}

/** A response head from its parts, latin1. The reason phrase is ours: upstream's could hold anything. */
export function responseText(response: {
  status: number
  fields: readonly Field[]
  body: Framing
  close: boolean
  upgrade?: boolean
}): string {
  let text = statusLine(response.status) + fieldLines(response.fields)
  if (response.upgrade === true) text += 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  else if (response.close) text += 'Connection: close\r\n'
  return `${text}${framingLine(response.body)}\r\n`
}

export function statusLine(status: number): string {
  return `HTTP/1.1 ${String(status)} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`
}

function fieldLines(fields: readonly Field[]): string {
  let text = ''
  for (const { name, value } of fields) text += `${name}: ${value}\r\n`
  return text
}

function framingLine(body: Framing): string {
  if (body.kind === 'length') return `Content-Length: ${String(body.length)}\r\n`
  return body.kind === 'chunked' ? 'Transfer-Encoding: chunked\r\n' : ''
}

/** Says whether a field may be written: no control character, nothing beyond latin1 that would be cut to one. */
export function isWritable(field: Field): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(field.value) && /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(field.name)
}
