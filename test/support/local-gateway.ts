import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import type { ModelGrant, SpooledRecord } from '../../sandbox-policy/control.ts'
import { listenOnSocket } from '../../sandbox-policy/gateway/control/socket.ts'
import { Spool } from '../../sandbox-policy/gateway/ledger/spool.ts'
import { LocalPeople } from '../../sandbox-policy/gateway/local/people.ts'
import { createLocalServer } from '../../sandbox-policy/gateway/local/server.ts'
import { createModelRoute } from '../../sandbox-policy/gateway/model/route.ts'
import type { LedgerRecord } from '../../sandbox-policy/ledger.ts'

export type Seen = { path: string; headers: IncomingMessage['headers']; rawHeaders: string[]; text: string }
export type Answering = (seen: Seen, response: ServerResponse) => void

export const MODEL_KEY = 'sk-canary-local-0123456789'

export const localGrant = (changes: Partial<ModelGrant> = {}): ModelGrant => ({
  wire: 'responses',
  provider: 'main',
  baseUrl: 'https://provider.test/v1',
  key: MODEL_KEY,
  internal: false,
  models: [],
  features: [],
  budgetTokens: null,
  maxOutputTokens: 1000,
  concurrency: 8,
  idleMs: 10_000,
  totalMs: 30_000,
  ...changes,
})

/** The gateway's real model socket and spool, before a scripted provider that records what reaches it. */
export async function localGateway() {
  const folder = mkdtempSync(join(tmpdir(), 'drydock-local-'))
  const seen: Seen[] = []
  let answering: Answering = (_seen, response) =>
    response.end(JSON.stringify({ usage: { input_tokens: 30, output_tokens: 12 } }))
  const provider = createServer((incoming, response) => void hear(incoming, response))
  const hear = async (incoming: IncomingMessage, response: ServerResponse) => {
    const parts: Buffer[] = []
    for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part)
    const { url = '', headers, rawHeaders } = incoming
    const one = { path: url, headers, rawHeaders, text: Buffer.concat(parts).toString('utf8') }
    seen.push(one)
    response.setHeader('content-type', 'application/json')
    answering(one, response)
  }
  provider.listen(0, '127.0.0.1')
  await once(provider, 'listening')
  const { port } = provider.address() as AddressInfo
  const open = async () => {
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return socket
  }
  const { handle } = createModelRoute({
    dialer: {
      resolve: async () => ['203.0.113.7'],
      connectTcp: open,
      connectTls: async () => (await open()) as TLSSocket,
    },
  })
  const spool = new Spool({
    folder: join(folder, 'spool'),
    maxBytes: 2 ** 26,
    segmentBytes: 2 ** 23,
    freeBytes: 0,
    syncMs: 200,
    onState: () => undefined,
  })
  const clock = { now: 0 }
  const people = new LocalPeople({
    spool,
    settings: () => ({ redactQueries: false }),
    clock: () => clock.now,
    log: () => undefined,
  })
  const server = createLocalServer({ people, model: handle, log: () => undefined })
  const path = join(folder, 'model.sock')
  await listenOnSocket(server, path)
  const over = new AbortController()
  return {
    seen,
    people,
    clock,
    path,
    openSocket: async () => ({ path, [Symbol.asyncDispose]: async () => undefined }),
    answer: (how: Answering) => (answering = how),
    /** Gives each record as the runner would get it. */
    async *records(): AsyncGenerator<LedgerRecord> {
      let rest = ''
      for await (const chunk of spool.read(0, over.signal)) {
        const lines = (rest + chunk.toString()).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) yield (JSON.parse(line) as SpooledRecord).record
      }
    },
    async [Symbol.asyncDispose]() {
      await people.removeAll()
      over.abort()
      server.close()
      server.closeAllConnections()
      provider.close()
      provider.closeAllConnections()
      await spool[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
export type LocalGateway = Awaited<ReturnType<typeof localGateway>>
