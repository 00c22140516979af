import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** How long a server that asked for a certificate may take to say that it wants one: a round trip, generously. */
const VERDICT_MS = 1_000
const CHANGE_CIPHER_SPEC = 6
/** Record header, handshake header, content type, tag; the digest comes on top. */
const FINISHED = 5 + 4 + 1 + 16

/**
 * With TLS 1.3 a server that requires a client certificate says so after the client's handshake is over, when a request
 * may be on its way already. Node does not tell that one was asked for, but the client's last flight does: it holds an
 * empty certificate then, and is longer than the Finished message alone. Only then is the server's next word waited for:
 * a ticket when it is content, an alert when it is not.
 *
 * Call it before the handshake's first answer can have come; the result is for `secureConnect`.
 */
export function watchForCertificateRequest(tls: TLSSocket, socket: Socket): () => Promise<boolean> {
  const helloBytes = socket.bytesWritten
  return async () => {
    if (tls.getProtocol() !== 'TLSv1.3' || tls.isSessionReused()) return true
    // The last flight is written right behind the event.
    await new Promise((resolve) => setImmediate(resolve))
    const digest = tls.getCipher().standardName.endsWith('SHA384') ? 48 : 32
    if (socket.bytesWritten - helloBytes <= CHANGE_CIPHER_SPEC + FINISHED + digest) return !tls.destroyed
    return await isContent(tls)
  }
}

/** A server that sends no tickets is taken for content after a while. */
function isContent(tls: TLSSocket): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (content: boolean) => {
      clearTimeout(timer)
      tls.off('session', onTicket).off('error', onRefused).off('close', onRefused)
      resolve(content)
    }
    const onTicket = () => settle(true)
    const onRefused = () => settle(false)
    const timer = setTimeout(onTicket, VERDICT_MS)
    tls.once('session', onTicket).once('error', onRefused).once('close', onRefused)
    if (tls.destroyed) onRefused()
  })
}
