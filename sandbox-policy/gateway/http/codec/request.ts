import { declaredFraming, isToken, listOf, parseFields, type Framing } from './fields.ts'
import type { Field } from './field.ts'
import { MAX_TARGET, type HeadFault } from './scan.ts'

export type TargetForm = 'origin' | 'absolute' | 'authority' | 'asterisk'

export type RequestHead = {
  method: string
  /** As received. */
  target: string
  form: TargetForm
  /** Of an absolute target or of CONNECT: what stands for host and port, unparsed. */
  authority: string | undefined
  /** Without query; `*` for the whole server. */
  path: string
  /** Without its `?`; undefined when there is none, which differs from an empty one. */
  query: string | undefined
  minor: 0 | 1
  /** The value of Host; only CONNECT may lack it. */
  host: string | undefined
  fields: Field[]
  /** The lower-case elements of Connection. */
  connection: string[]
  body: Extract<Framing, { kind: 'none' | 'length' | 'chunked' }>
  keepAlive: boolean
  expectContinue: boolean
  upgrade: string | undefined
}

/** A head that is refused: status, a sentence, and as much of the head as is known, for the record. */
export type HeadRefusal = {
  refused: 400 | 403 | 408 | 414 | 417 | 431
  reason: 'malformed' | 'upgrade'
  sentence: string
  method?: string
  target?: string
  host?: string
}

/** What the fault of a scanned head is answered with. `bytes` are those that were scanned. */
export function refusalOf(fault: HeadFault, bytes: Uint8Array): HeadRefusal {
  switch (fault) {
    case 'line-too-long':
      return refuse(414, `The request target is longer than ${String(MAX_TARGET)} bytes.`)
    case 'head-too-long':
      return refuse(431, 'The request head is longer than 16 KiB.')
    case 'too-many-fields':
      return refuse(431, 'The request has more than 100 header fields.')
    case 'version':
      return Buffer.from(bytes.subarray(0, 14)).toString('latin1') === 'PRI * HTTP/2.0'
        ? { refused: 403, reason: 'upgrade', sentence: 'HTTP/2 without TLS is not offered here; use HTTP/1.1.' }
        : refuse(400, 'The request line does not end with HTTP/1.1 or HTTP/1.0.')
    case 'bytes':
      return refuse(400, 'The request head holds a control character or a line end other than CR LF.')
    default:
      return fault satisfies never
  }
}

/** Parses a request head that the scanner found (latin1, blank line included). */
export function parseRequestHead(head: string): RequestHead | HeadRefusal {
  const lineEnd = head.indexOf('\r\n')
  const space = head.indexOf(' ')
  const method = head.slice(0, space)
  const target = head.slice(space + 1, lineEnd - 9)
  if (space > lineEnd - 10 || head.charCodeAt(lineEnd - 9) !== 32) return refuse(400, 'The request line is malformed.')
  if (method.length > 32 || !isToken(method)) return refuse(400, 'The method is malformed.')
  if (target.length > MAX_TARGET) return refuse(414, `The request target is longer than ${String(MAX_TARGET)} bytes.`)
  const parsed = parseTarget(method, target)
  if (parsed === undefined) return { ...refuse(400, 'The request target is malformed.'), method, target }
  const fields = parseFields(head, lineEnd + 2)
  if (fields === undefined) return { ...refuse(400, 'A header field is malformed.'), method, target }
  return withFields({ method, target, ...parsed, minor: head.charCodeAt(lineEnd - 1) === 49 ? 1 : 0, fields })
}

type Line = Pick<RequestHead, 'method' | 'target' | 'form' | 'authority' | 'path' | 'query' | 'minor' | 'fields'>

function withFields(line: Line): RequestHead | HeadRefusal {
  let host: string | undefined
  let upgrade: string | undefined
  let expect: string | undefined
  for (const { key, value } of line.fields) {
    if (key === 'host') {
      if (host !== undefined) return refuseLine(line, 'The request has two Host fields.')
      host = value
    } else if (key === 'upgrade') upgrade = upgrade === undefined ? value : `${upgrade}, ${value}`
    else if (key === 'expect') expect = expect === undefined ? value : `${expect}, ${value}`
  }
  if (host === undefined && line.form !== 'authority') return refuseLine(line, 'The request has no Host field.')
  const body = declaredFraming(line.fields, line.minor)
  if (body === undefined || body.kind === 'close') {
    return refuseLine(line, 'The length of the request body is malformed or ambiguous.')
  }
  if (line.form === 'authority' && (body.kind === 'chunked' || (body.kind === 'length' && body.length > 0))) {
    return refuseLine(line, 'CONNECT has no body.')
  }
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    return { ...refuseLine(line, 'Only 100-continue can be expected.'), refused: 417 }
  }
  const connection = listOf(line.fields, 'connection')
  const keepAlive = line.minor === 1 && !connection.includes('close')
  const expectContinue = expect !== undefined && line.minor === 1 && hasBody(body)
  return { ...line, host, connection, body, keepAlive, expectContinue, upgrade }
}

/** Says whether the head announces a body. A length of 0 is none; chunks are one, however few. */
export function hasBody(body: Framing): boolean {
  return body.kind === 'chunked' || (body.kind === 'length' && body.length > 0)
}

type Target = Pick<RequestHead, 'form' | 'authority' | 'path' | 'query'>

function parseTarget(method: string, target: string): Target | undefined {
  if (target.length === 0) return undefined
  for (let at = 0; at < target.length; at++) {
    const code = target.charCodeAt(at)
    // Visible ASCII; a fragment is never sent.
    if (code < 33 || code > 126 || code === 35) return undefined
  }
  if (method === 'CONNECT') return { form: 'authority', authority: target, path: '', query: undefined }
  if (target.charCodeAt(0) === 47) return { form: 'origin', authority: undefined, ...splitQuery(target) }
  if (target === '*') {
    return method === 'OPTIONS' ? { form: 'asterisk', authority: undefined, path: '*', query: undefined } : undefined
  }
  return parseAbsolute(method, target)
}

/** `http://authority[/path][?query]`: no other scheme, no userinfo. */
function parseAbsolute(method: string, target: string): Target | undefined {
  if (target.slice(0, 7).toLowerCase() !== 'http://') return undefined
  let end = 7
  while (end < target.length && target[end] !== '/' && target[end] !== '?') end++
  const authority = target.slice(7, end)
  if (authority === '' || authority.includes('@')) return undefined
  const rest = target.slice(end)
  if (rest === '') return { form: 'absolute', authority, path: method === 'OPTIONS' ? '*' : '/', query: undefined }
  return { form: 'absolute', authority, ...splitQuery(rest.startsWith('/') ? rest : `/${rest}`) }
}

function splitQuery(target: string): { path: string; query: string | undefined } {
  const mark = target.indexOf('?')
  return mark < 0 ? { path: target, query: undefined } : { path: target.slice(0, mark), query: target.slice(mark + 1) }
}

function refuse(refused: HeadRefusal['refused'], sentence: string): HeadRefusal {
  return { refused, reason: 'malformed', sentence }
}

function refuseLine(line: Line, sentence: string): HeadRefusal {
  const host = line.authority ?? line.fields.find(({ key }) => key === 'host')?.value
  return {
    ...refuse(400, sentence),
    method: line.method,
    target: line.target,
    ...(host === undefined ? {} : { host }),
  }
}
