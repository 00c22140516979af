import type { Socket } from 'node:net'
import { TLSSocket, type SecureContext } from 'node:tls'

const HANDSHAKE_MS = 10_000
/** HTTP/1.1 and nothing else, as ALPN has it: a length and the name. */
const ALPN = Buffer.from('\x08http/1.1', 'latin1')

/**
 * Answers a ClientHello whose bytes are still to be read from the socket. Undefined: the handshake failed, and both
 * sockets are gone. The context is already chosen by name, so the TLS stack decides nothing on its own.
 */
export function answerHandshake(socket: Socket, secureContext: SecureContext): Promise<TLSSocket | undefined> {
  return new Promise((resolve) => {
    const tls = new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ALPN })
    const settle = (done: TLSSocket | undefined) => {
      clearTimeout(timer)
      tls.off('secure', onSecure).off('end', onGone).off('close', onGone)
      if (done === undefined) tls.destroy()
      resolve(done)
    }
    const onSecure = () => settle(tls)
    // Its sockets may stay half open: a client that ends in the middle of a handshake is gone.
    const onGone = () => settle(undefined)
    const timer = setTimeout(onGone, HANDSHAKE_MS)
    // Without a tls.Server of its own a socket reports its TLS faults here only, also later ones.
    tls.on('_tlsError', () => tls.destroy())
    tls.on('error', () => {})
    tls.once('secure', onSecure).once('end', onGone).once('close', onGone)
  })
}
