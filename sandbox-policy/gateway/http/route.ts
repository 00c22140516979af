import { GIT_HOST, MODEL_HOST } from '../../control.ts'
import type { Reason } from '../../ledger.ts'
import { parseAuthority } from '../../names.ts'
import type { RequestHead } from './codec/request.ts'
import type { Origin } from './connection.ts'

/** Where a request wants to go. `asked` is the name as the client spelled it. */
export type Destination = Origin & { asked: string }

export type Route =
  | ({ kind: 'upstream' } & Destination)
  | { kind: 'internal'; host: typeof MODEL_HOST | typeof GIT_HOST }
  | { kind: 'refused'; status: 400 | 403 | 405; reason: Reason; sentence: string; asked: string; to?: Origin }

type Entry = {
  entry: 'proxy' | 'plain' | 'bound'
  origin?: Origin
  /** The server of the connection's first request. */
  first?: string
  gatewayAddress: string
}

/** Finds the one destination that a request names. All places that name it must agree. */
export function routeOf(head: RequestHead, entry: Entry): Route {
  if (head.form === 'authority') {
    return refused(
      405,
      'malformed',
      'CONNECT is taken by the explicit proxy only, and not inside a tunnel.',
      head.target,
    )
  }
  switch (entry.entry) {
    case 'bound':
      return entry.origin === undefined ? noOrigin(head) : boundRoute(head, entry.origin)
    case 'plain':
      return plainRoute(head, entry)
    case 'proxy':
      return proxyRoute(head, entry.gatewayAddress)
    default:
      return entry.entry satisfies never
  }
}

function noOrigin(head: RequestHead): Route {
  return refused(403, 'host-mismatch', 'The connection has no origin.', head.host ?? '')
}

function boundRoute(head: RequestHead, origin: Origin): Route {
  const asked = head.host ?? ''
  if (head.form === 'absolute') return refused(400, 'malformed', 'The target must be a path here.', asked)
  const host = parseAuthority(asked, origin.port)
  if (!host.ok && host.reason === 'malformed') return refused(400, 'malformed', 'The Host field is malformed.', asked)
  if (!host.ok || host.name !== origin.name || host.port !== origin.port) {
    const sentence = `The Host field names another server than the connection, which leads to ${origin.name}.`
    return { ...refused(403, 'host-mismatch', sentence, asked), to: origin }
  }
  return toDestination({ ...origin, asked })
}

function plainRoute(head: RequestHead, { first, gatewayAddress }: Entry): Route {
  const asked = head.host ?? ''
  if (head.form === 'absolute') {
    return refused(400, 'malformed', 'The target must be a path here; the proxy listens on another port.', asked)
  }
  const route = authorityRoute(asked, gatewayAddress)
  if (route.kind === 'upstream' && route.port !== 80) {
    return { ...refused(403, 'host-mismatch', 'The Host field names another port than 80.', asked), to: route }
  }
  // The client opened it to one server, and would have opened another one for another server.
  if (route.kind === 'upstream' && first !== undefined && route.name !== first) {
    const sentence = `The Host field names another server than the requests before it, which went to ${first}.`
    return { ...refused(403, 'host-mismatch', sentence, asked), to: route }
  }
  return route
}

function proxyRoute(head: RequestHead, gatewayAddress: string): Route {
  const asked = head.host ?? ''
  if (head.form === 'asterisk') return authorityRoute(asked, gatewayAddress)
  if (head.authority === undefined) {
    if (hostOf(asked) === gatewayAddress) return self(asked)
    return refused(400, 'malformed', 'A proxy takes whole URLs: http://name/path.', asked)
  }
  const route = authorityRoute(head.authority, gatewayAddress)
  if (route.kind === 'refused') return route
  const uri = parseAuthority(head.authority, 80)
  const host = parseAuthority(asked, 80)
  if (!uri.ok || !host.ok || host.name !== uri.name || host.port !== uri.port) {
    return refused(400, 'malformed', 'The Host field names another server than the target.', head.authority)
  }
  return route
}

function authorityRoute(authority: string, gatewayAddress: string): Route {
  const parsed = parseAuthority(authority, 80)
  if (parsed.ok) return toDestination({ scheme: 'http', name: parsed.name, port: parsed.port, asked: authority })
  if (hostOf(authority) === gatewayAddress) return self(authority)
  if (parsed.reason === 'malformed') {
    return refused(400, 'malformed', 'The host is no name: ASCII letters, digits, "-" and "_".', authority)
  }
  return refused(403, parsed.reason, 'Servers are reached by name only, not by address.', authority)
}

function toDestination(destination: Destination): Route {
  const { name, scheme, port, asked } = destination
  if (name !== 'drydock.internal' && !name.endsWith('.drydock.internal')) return { kind: 'upstream', ...destination }
  if ((name === MODEL_HOST || name === GIT_HOST) && scheme === 'http' && port === 80)
    return { kind: 'internal', host: name }
  return { ...self(asked), to: destination }
}

function self(asked: string): Extract<Route, { kind: 'refused' }> {
  return refused(403, 'self', 'This is the gateway itself, which serves nothing under this address.', asked)
}

function hostOf(authority: string): string {
  const colon = authority.lastIndexOf(':')
  return colon < 0 ? authority : authority.slice(0, colon)
}

function refused(
  status: 400 | 403 | 405,
  reason: Reason,
  sentence: string,
  asked: string,
): Extract<Route, { kind: 'refused' }> {
  return { kind: 'refused', status, reason, sentence, asked }
}
