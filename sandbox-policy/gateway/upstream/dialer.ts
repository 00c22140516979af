import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Reason } from '../../ledger.ts'

/** Upstream could not be had. `address` is the one that was tried or refused first. */
export class DialError extends Error {
  override name = 'DialError'
  readonly reason: Extract<
    Reason,
    'private-address' | 'self' | 'upstream-dns' | 'upstream-tls' | 'upstream-unreachable'
  >
  readonly address: string | undefined

  constructor(reason: DialError['reason'], message: string, address?: string) {
    super(message)
    this.reason = reason
    this.address = address
  }
}

/**
 * Where to go. `address` is one that `resolve` gave for the name. TLS sessions are kept and resumed within a `partition`
 * only, e.g. one sandbox's; without one every handshake is whole.
 */
export type DialTarget = { name: string; address: string; port: number; partition?: string }

/**
 * Resolves once, vets the whole answer, dials a vetted address. All upstream connections of the gateway come from here.
 * Every method rejects with DialError.
 */
export interface Dialer {
  /**
   * The vetted addresses of a canonical name, never empty. One that may not be reached refuses the whole answer.
   * With an upstream proxy it resolves to `['proxy']`, unless `internal`: the proxy resolves, so names only. `literal`: an administrator may
   * have written an address where the name stands; it is vetted alike and dialled without the proxy. `partition`: whose
   * look-up it is; each has a bounded number under way.
   */
  resolve(
    name: string,
    options: { internal: boolean; literal?: boolean; partition?: string },
    signal: AbortSignal,
  ): Promise<readonly string[]>
  /** A TCP connection to an address that `resolve` gave for the name. */
  connectTcp(target: DialTarget, signal: AbortSignal): Promise<Socket>
  /** As `connectTcp`, then TLS with ALPN http/1.1, SNI = name, certificate verified for the name. */
  connectTls(target: DialTarget, signal: AbortSignal): Promise<TLSSocket>
}
