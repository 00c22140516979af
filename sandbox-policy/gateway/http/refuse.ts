import type { Reason } from '../../ledger.ts'
import type { NewRecord } from '../session.ts'
import { statusLine } from './codec/build.ts'
import type { Client } from './client.ts'

export type Refusal = {
  status: number
  reason: Reason
  /** One sentence, for people and agents. */
  sentence: string
  close: boolean
  method?: string | undefined
}

/** Answers with a refusal of the gateway's own. */
export function writeRefusal(client: Client, refusal: Refusal): void {
  const body = Buffer.from(`${refusal.sentence}\n`)
  const head =
    statusLine(refusal.status) +
    `Content-Type: text/plain; charset=utf-8\r\nX-Drydock-Denied: ${refusal.reason}\r\n` +
    `Content-Length: ${String(body.length)}\r\nCache-Control: no-store\r\n` +
    (refusal.status === 405 ? 'Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n' : '') +
    (refusal.close ? 'Connection: close\r\n\r\n' : '\r\n')
  const bytes = Buffer.from(head, 'latin1')
  client.wire.write(refusal.method === 'HEAD' ? bytes : Buffer.concat([bytes, body]))
}

/** Records a refusal, then answers with it. */
export async function refuse(client: Client, record: NewRecord, refusal: Refusal): Promise<void> {
  await client.session.deny(record, refusal.reason, refusal.status)
  writeRefusal(client, refusal)
}
