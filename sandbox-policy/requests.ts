import type { Question } from './decide.ts'
import type { DenyEntry, Entry } from './entries.ts'
import type { Reason } from './ledger.ts'
import { isAmbiguousPath, isBelow } from './paths.ts'

export type Request = Extract<Question, { kind: 'request' }>

/** Reasons for which a rule of the right host and port refuses a request, the nearest miss last. */
export const NEARNESS = ['path', 'method', 'upgrade', 'header', 'body'] as const satisfies readonly Reason[]
export type RequestFault = (typeof NEARNESS)[number]

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/
/** They change what the connection is, or (TRACE) show headers that the gateway added. */
const NEVER: ReadonlySet<string> = new Set(['CONNECT', 'TRACE', 'TRACK', 'PRI'])
// Servers that take `_` for `-` in header names (CGI, WSGI) read both spellings.
const OVERRIDES_METHOD =
  /^x[-_](?:http[-_]method(?:[-_]override)?|method(?:[-_]override)?|rest[-_]method|tunneled[-_]method)$/
const OVERRIDES_PATH = /^x[-_](?:original|rewrite)[-_](?:url|uri)$/

/** Says whether a method is a token that may be asked for at all. */
export const isToken = (method: string): boolean => TOKEN.test(method)

export const overridesMethod = ({ headers }: Request): boolean => hasHeader(headers, OVERRIDES_METHOD)
export const overridesPath = ({ headers }: Request): boolean => hasHeader(headers, OVERRIDES_PATH)

/** Why a rule of the right host and port does not allow a request; undefined when it does. */
export function faultOf(entry: Entry, request: Request): RequestFault | undefined {
  const { methods, path } = entry
  if (path !== undefined && !isBelow(request.path, path)) return 'path'
  if (NEVER.has(request.method.toUpperCase())) return 'method'
  if (methods.all) return undefined
  if (methods.gitRead && isGitFetch(request)) return undefined
  if (methods.safe && isGitPush(request)) return 'path'
  if (!methods.names.has(request.method)) return 'method'
  if (request.upgrade && !methods.upgrade) return 'upgrade'
  if (overridesMethod(request)) return 'header'
  return methods.safe && request.hasBody ? 'body' : undefined
}

/** Why a deny rule of the right host, port and protocol denies a request; undefined when it does not. */
export function denialOf({ methods, path }: DenyEntry, request: Request): 'path' | 'method' | 'header' | undefined {
  if (path !== undefined && !isBelow(request.path, path)) return undefined
  if (methods === undefined) return 'path'
  // Some servers take methods in any case.
  if (methods.has(request.method.toUpperCase())) return 'method'
  return overridesMethod(request) ? 'header' : undefined
}

/** `git fetch` and `clone`: the one POST of theirs. The path must be beyond doubt, for it stands in for a method. */
function isGitFetch(request: Request): boolean {
  return (
    request.method === 'POST' &&
    request.path.endsWith('/git-upload-pack') &&
    request.query === '' &&
    request.headers.get('content-type')?.toLowerCase() === 'application/x-git-upload-pack-request' &&
    !request.upgrade &&
    !overridesMethod(request) &&
    !overridesPath(request) &&
    !isAmbiguousPath(request.path)
  )
}

function isGitPush({ path, query }: Request): boolean {
  return (
    path.endsWith('/git-receive-pack') || (path.endsWith('/info/refs') && unescaped(query).includes('git-receive-pack'))
  )
}

const unescaped = (text: string) =>
  text.replace(/%([0-7][0-9A-Fa-f])/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

function hasHeader(headers: ReadonlyMap<string, string>, pattern: RegExp): boolean {
  for (const name of headers.keys()) if (name.charCodeAt(0) === 0x78 && pattern.test(name)) return true
  return false
}
