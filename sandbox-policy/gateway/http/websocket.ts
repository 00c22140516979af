import { createHash } from 'node:crypto'
import { valueOf } from './codec/field.ts'
import type { RequestHead } from './codec/request.ts'
import type { ResponseHead } from './codec/response.ts'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The key of a well-formed WebSocket handshake (RFC 6455); undefined when the request is none. */
export function websocketKeyOf(head: RequestHead): string | undefined {
  if (head.method !== 'GET' || head.minor !== 1 || head.body.kind !== 'none') return undefined
  if (head.upgrade?.toLowerCase() !== 'websocket' || !head.connection.includes('upgrade')) return undefined
  const keys = head.fields.filter(({ key }) => key === 'sec-websocket-key')
  const value = keys[0]?.value
  return keys.length === 1 && value !== undefined && /^[A-Za-z0-9+/]{22}==$/.test(value) ? value : undefined
}

/** Says whether a 101 agrees to the WebSocket that was asked for, and to nothing else. */
export function isSwitch(head: ResponseHead, key: string): boolean {
  const accept = createHash('sha1')
    .update(key + GUID)
    .digest('base64')
  return (
    head.minor === 1 &&
    head.declared.kind === 'none' &&
    head.connection.includes('upgrade') &&
    head.fields.filter((field) => field.key === 'upgrade').length === 1 &&
    valueOf(head.fields, 'upgrade')?.toLowerCase() === 'websocket' &&
    valueOf(head.fields, 'sec-websocket-accept') === accept
  )
}
