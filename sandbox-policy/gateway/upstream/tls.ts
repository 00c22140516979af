import { readFileSync } from 'node:fs'
import { isIP, type Socket } from 'node:net'
import { connect, createSecureContext, rootCertificates, type SecureContext, type TLSSocket } from 'node:tls'
import { watchForCertificateRequest } from './client-certificate.ts'
import { DialError, type DialTarget } from './dialer.ts'

const HANDSHAKE_MS = 10_000
const MAX_SESSIONS = 1000
/** Where Debian's images keep the system's bundle. */
const SYSTEM_BUNDLE = '/etc/ssl/certs/ca-certificates.crt'

/** Makes a connection a verified TLS one. Rejects with DialError `upstream-tls`; the socket is gone then. */
export type UpgradeToTls = (socket: Socket, target: DialTarget, signal: AbortSignal) => Promise<TLSSocket>

/** Verifies with the system's CAs, Mozilla's as Node has them, and the given ones. */
export function createTlsUpgrade(cas: readonly string[], systemBundle: string = SYSTEM_BUNDLE): UpgradeToTls {
  const secureContext = createSecureContext({
    ca: [...new Set([...rootCertificates, ...readBundle(systemBundle), ...cas])],
    minVersion: 'TLSv1.2',
  })
  const sessions = createSessions()
  return (socket, target, signal) => handshake(socket, target, { secureContext, sessions, signal })
}

type Handshake = { secureContext: SecureContext; sessions: Sessions; signal: AbortSignal }

function handshake(socket: Socket, target: DialTarget, options: Handshake): Promise<TLSSocket> {
  const { secureContext, sessions, signal } = options
  return new Promise((resolve, reject) => {
    const session = sessions.find(target)
    const tls = connect({
      socket,
      secureContext,
      // SNI holds names only; the certificate of an address is checked for the address.
      host: target.name,
      servername: isIP(target.name) === 0 ? target.name : '',
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: true,
      ...(session === undefined ? {} : { session }),
    })
    const isContent = watchForCertificateRequest(tls, socket)
    tls.on('session', (fresh: Buffer) => sessions.keep(target, fresh))
    // Stays for good: an error between two owners of a socket must not end the process.
    tls.on('error', () => {})
    const settle = (why: string | undefined) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      tls.off('secureConnect', onSecure).off('error', onError).off('close', onClose)
      if (why === undefined) return resolve(tls)
      sessions.forget(target)
      tls.destroy()
      socket.destroy()
      const message = `Cannot trust ${target.name}: ${why}`
      reject(new DialError('upstream-tls', message, target.address))
    }
    const onSecure = () => {
      if (!tls.authorized) return settle('its certificate is not valid')
      void isContent().then((content) => settle(content ? undefined : 'it wants a client certificate'))
    }
    const onError = (error: NodeJS.ErrnoException) => settle(error.code ?? error.message)
    const onClose = () => settle('it closed the connection during the TLS handshake')
    const onAbort = () => settle('the connection is no longer wanted')
    const timer = setTimeout(() => settle(`no TLS handshake in ${HANDSHAKE_MS / 1000} s`), HANDSHAKE_MS)
    signal.addEventListener('abort', onAbort, { once: true })
    tls.once('secureConnect', onSecure).once('error', onError).once('close', onClose)
    if (signal.aborted) onAbort()
  })
}

type Sessions = {
  find(target: DialTarget): Buffer | undefined
  keep(target: DialTarget, session: Buffer): void
  forget(target: DialTarget): void
}

/** TLS sessions by partition, name, address and port. A session stands for a verified certificate of that name. */
function createSessions(): Sessions {
  const kept = new Map<string, Buffer>()
  const keyOf = (target: DialTarget) =>
    target.partition === undefined
      ? undefined
      : JSON.stringify([target.partition, target.name, target.address, target.port])
  return {
    find: (target) => {
      const key = keyOf(target)
      return key === undefined ? undefined : kept.get(key)
    },
    keep: (target, session) => {
      const key = keyOf(target)
      if (key === undefined) return
      kept.delete(key)
      kept.set(key, session)
      for (const eldest of kept.keys()) {
        if (kept.size <= MAX_SESSIONS) break
        kept.delete(eldest)
      }
    },
    forget: (target) => {
      const key = keyOf(target)
      if (key !== undefined) kept.delete(key)
    },
  }
}

/** The certificates of a bundle file; none where there is no such file. */
function readBundle(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  } catch {
    return []
  }
}
