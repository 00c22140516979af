import { connect, isIP, type Socket } from 'node:net'
import { peek } from '../listen/peek.ts'
import { DialError } from './dialer.ts'

const CONNECT_MS = 10_000
const PROXY_ANSWER_MS = 15_000
const MAX_PROXY_HEAD = 16 * 1024

/** A TCP connection to an address; nothing is resolved. Rejects with DialError `upstream-unreachable`. */
export function dialAddress(
  { address, port }: { address: string; port: number },
  signal: AbortSignal,
): Promise<Socket> {
  if (isIP(address) === 0) return Promise.reject(unreachable(address, 'that is no address'))
  return dial(address, port, signal)
}

/** A tunnel to a name through a corporate proxy, which resolves it. */
export async function dialThroughProxy(
  { name, port }: { name: string; port: number },
  proxy: URL,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = await dial(proxy.hostname.replace(/^\[|\]$/g, ''), Number(proxy.port || 80), signal)
  const abort = () => socket.destroy()
  signal.addEventListener('abort', abort, { once: true })
  try {
    socket.write(`CONNECT ${name}:${port} HTTP/1.1\r\nHost: ${name}:${port}\r\n${proxyAuthorization(proxy)}\r\n`)
    const answer = await peek(socket, readProxyHead, PROXY_ANSWER_MS)
    if ('gone' in answer) throw unreachable(name, `the upstream proxy gave no answer (${answer.gone})`)
    if (!/^2[0-9][0-9]$/.test(answer.found.status))
      throw unreachable(name, `the upstream proxy answered ${answer.found.status}`)
    socket.read(answer.found.length)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function dial(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(unreachable(host, 'it is no longer wanted'))
    const socket = connect({ host, port, noDelay: true })
    // Stays for good: an error between two owners of a socket must not end the process.
    socket.on('error', () => {})
    const settle = (why: string | undefined) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      socket.off('connect', onConnect).off('error', onError)
      if (why === undefined) return resolve(socket)
      socket.destroy()
      reject(unreachable(host, why))
    }
    const onConnect = () => settle(undefined)
    const onError = (error: NodeJS.ErrnoException) => settle(error.code ?? error.message)
    const onAbort = () => settle('it is no longer wanted')
    const timer = setTimeout(() => settle(`no answer in ${CONNECT_MS / 1000} s`), CONNECT_MS)
    signal.addEventListener('abort', onAbort, { once: true })
    socket.once('connect', onConnect).once('error', onError)
  })
}

function unreachable(address: string, why: string): DialError {
  return new DialError(
    'upstream-unreachable',
    `Cannot connect to ${address}: ${why}`,
    isIP(address) ? address : undefined,
  )
}

function proxyAuthorization(proxy: URL): string {
  if (proxy.username === '') return ''
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`
  return `Proxy-Authorization: Basic ${Buffer.from(pair).toString('base64')}\r\n`
}

/** The head's length and status, once it is whole. */
function readProxyHead(bytes: Buffer): { needs: number } | { found: { length: number; status: string } } {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1 && bytes.length <= MAX_PROXY_HEAD) return { needs: bytes.length + 1 }
  const status = /^HTTP\/1\.[01] ([0-9]{3})[ \r]/.exec(bytes.toString('latin1', 0, 32))?.[1]
  return { found: { length: end + 4, status: end === -1 || status === undefined ? 'no HTTP' : status } }
}
