import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { SpooledRecord } from '../../../sandbox-policy/control.ts'
import type { LedgerRecord } from '../../../sandbox-policy/ledger.ts'
import { socketPath } from '../../../runner/network/socket-path.ts'

export type Asked = { method: string; path: string; body: unknown }

/** A gateway's control socket that notes what it is told, and says what a test wants. */
export async function fakeControl(
  answer: (asked: Asked) => { status: number; body?: unknown } = () => ({ status: 204 }),
  below = '',
) {
  const folder = await mkdtemp(join(tmpdir(), 'drydock-control-'))
  const { mkdir } = await import('node:fs/promises')
  await mkdir(join(folder, below), { recursive: true })
  const socket = join(folder, below, 'control.sock')
  const asked: Asked[] = []
  const readers: ServerResponse[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const one = {
        method: request.method ?? '',
        path: request.url ?? '',
        body: body === '' ? undefined : JSON.parse(body),
      }
      asked.push(one)
      if (one.path.startsWith('/ledger?')) {
        response.writeHead(200).flushHeaders()
        readers.push(response)
        server.emit('reader')
        return
      }
      const { status, body: said } = answer(one)
      response.writeHead(status).end(said === undefined ? '' : JSON.stringify(said))
      server.emit('asked')
    })
  })
  const reached = await socketPath(socket)
  server.listen(reached.path)
  await once(server, 'listening')
  return {
    socket,
    asked,
    readers,
    reader: () => once(server, 'reader'),
    told: () => once(server, 'asked'),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await reached[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export function spooled(position: number, changes: Partial<LedgerRecord> = {}): SpooledRecord {
  const record: LedgerRecord = {
    ...{ seq: position, at: new Date(0).toISOString(), sandbox: 's', attempt: null, phase: 'agent', layer: 'http' },
    ...{ asked: 'a.test', host: 'a.test', port: 80, address: null, method: 'GET', path: '/', verdict: 'allow' },
    ...{ rule: 'allow[0]', reason: null, status: null, bytesUp: 0, bytesDown: 0, ms: null, policyVersion: 1 },
    ...changes,
  }
  return { position, record }
}

export const line = (one: SpooledRecord) => `${JSON.stringify(one)}\n`
