import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { Spool } from '../ledger/spool.ts'

/** Writes the spool from a position on, then live, as fast as the reader takes it, until it hangs up. */
export async function streamLedger(response: ServerResponse, after: number, spool: Pick<Spool, 'read'>): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.flushHeaders()
  for await (const lines of spool.read(after, gone.signal)) {
    if (!response.write(lines)) await once(response, 'drain', { signal: gone.signal }).catch(() => {})
  }
  response.end()
}
