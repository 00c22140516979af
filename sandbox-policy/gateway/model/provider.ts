import { request, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { isIP } from 'node:net'
import type { ModelGrant } from '../../control.ts'
import type { Dialer } from '../upstream/dialer.ts'
import type { Endpoint } from './body/checked-body.ts'
import { Refusal } from './refusal.ts'

/** Where a request goes, read out of a provider's base URL. */
export type Target = { name: string; port: number; tls: boolean; path: string; authority: string }

const SUFFIX: Readonly<Record<Endpoint, string>> = {
  responses: '/responses',
  chat: '/chat/completions',
  messages: '/messages',
  count_tokens: '/messages/count_tokens',
}

/**
 * The path is the base URL's with the wire's suffix. Base URLs of OpenAI's wires end in `/v1` or whatever stands there; of
 * Anthropic's, with or without `/v1`, as its own clients have it. A query of the base URL is kept (`?api-version=…`).
 */
export function targetOf(grant: ModelGrant, endpoint: Endpoint): Target {
  const url = new URL(grant.baseUrl)
  const tls = url.protocol === 'https:'
  if (!tls && !(url.protocol === 'http:' && grant.internal)) {
    throw new Refusal(
      502,
      'upstream-tls',
      'The address of the model’s provider must be https, or be marked as internal.',
    )
  }
  const base = url.pathname.replace(/\/+$/, '')
  const version = grant.wire === 'anthropic' && !/\/v1$/.test(base) ? '/v1' : ''
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port)
  const name = url.hostname.replace(/^\[|\]$|\.$/g, '')
  return { name, port, tls, path: `${base}${version}${SUFFIX[endpoint]}${url.search}`, authority: url.host }
}

/** A connection to one of the vetted addresses, in their order. Rejects with DialError, or as the signal says. */
export async function dialProvider(
  { name, port, tls }: Target,
  { dialer, addresses, partition }: { dialer: Dialer; addresses: readonly string[]; partition: string },
  signal: AbortSignal,
): Promise<Socket> {
  let failure: unknown
  for (const address of addresses.slice(0, 3)) {
    try {
      const target = { name, address, port, partition }
      return await (tls ? dialer.connectTls(target, signal) : dialer.connectTcp(target, signal))
    } catch (error) {
      signal.throwIfAborted()
      failure ??= error
    }
  }
  throw failure
}

/** The grant's key as a header. */
export function keyHeader(grant: ModelGrant): readonly [name: string, value: string] | undefined {
  if (grant.key === undefined) return undefined
  const plain =
    grant.wire === 'anthropic' ? { name: 'x-api-key', prefix: '' } : { name: 'authorization', prefix: 'Bearer ' }
  const { name, prefix } = grant.keyHeader ?? plain
  return [name.toLowerCase(), `${prefix}${grant.key}`]
}

/** Sends a request over a connection and resolves with the head of the answer. The answer's body is the caller's. */
export function exchangeHeads(
  socket: Socket,
  { target, headers, body }: { target: Target; headers: Readonly<Record<string, string>>; body: Buffer },
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      createConnection: () => socket,
      method: 'POST',
      path: target.path,
      setHost: false,
      headers: { host: target.authority, ...headers, 'content-length': body.length },
      maxHeaderSize: 64 * 1024,
      signal,
    })
    outgoing.once('response', (message) => {
      // Whoever reads it hears of it; when nobody does any more, nobody needs to.
      message.on('error', () => {})
      resolve(message)
    })
    outgoing.on('error', (error) => reject(signal.aborted ? (signal.reason as Error) : error))
    outgoing.end(body)
  })
}

/** For the ledger. */
export function addressOf(addresses: readonly string[]): string | null {
  return addresses.find((address) => isIP(address) !== 0) ?? null
}
