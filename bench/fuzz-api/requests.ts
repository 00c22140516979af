import type { Random } from '../fuzz/random.ts'
import type { OpenApi, Operation, Parameter } from './document.ts'
import { Values, oddText, oddValue } from './values.ts'
import type { Known } from './values.ts'

export type ApiRequest = {
  operation: Operation
  method: string
  /** Below the server's base, with its query. */
  path: string
  headers: Record<string, string>
  body: string | undefined
  /** Nothing was spoiled on purpose: the request is one that the document describes. */
  isValid: boolean
}

/** How many in so many requests are spoiled. */
const SPOILED_OF = 3

export class RequestMaker {
  readonly #values: Values
  readonly #known: Known

  constructor(document: OpenApi, known: Known) {
    this.#values = new Values(document, known)
    this.#known = known
  }

  make(operation: Operation, random: Random): ApiRequest {
    const request = this.#valid(operation, random)
    return random.oneIn(SPOILED_OF) ? spoil(request, random) : request
  }

  #valid(operation: Operation, random: Random): ApiRequest {
    const headers: Record<string, string> = {}
    let { path } = operation
    const query = new URLSearchParams()
    for (const each of operation.parameters) {
      if (!each.required && !random.oneIn(3)) continue
      const value = this.#parameter(each, { path: operation.path, random })
      if (each.in === 'path') path = path.replace(`{${each.name}}`, encodeURIComponent(value.toWellFormed()))
      else if (each.in === 'query') query.append(each.name, value.toWellFormed())
      else if (each.in === 'header') headers[each.name] = value.replaceAll(/[^\x20-\x7e]/g, '?')
    }
    const text = query.toString()
    const withBody = operation.body !== undefined && (operation.bodyRequired || random.oneIn(2))
    const body = withBody ? JSON.stringify(this.#values.make(operation.body ?? {}, random)) : undefined
    if (body !== undefined) headers['content-type'] = 'application/json'
    const { method } = operation
    return { operation, method, path: text === '' ? path : `${path}?${text}`, headers, body, isValid: true }
  }

  #parameter({ name, in: where, schema }: Parameter, { path, random }: { path: string; random: Random }): string {
    // `/tasks/{id}/turns` wants what POST /tasks gave.
    const parts = path.split('/')
    const kind = where === 'path' ? (parts[parts.indexOf(`{${name}}`) - 1] ?? name) : name
    const known = random.oneIn(12) ? undefined : this.#known(kind)
    const value = known ?? this.#values.make(schema, random, { name })
    return (typeof value === 'string' ? value : JSON.stringify(value)) || 'x'
  }
}

/** One thing about the request is not as the document says. */
function spoil(request: ApiRequest, random: Random): ApiRequest {
  const spoiled = { ...request, headers: { ...request.headers }, isValid: false }
  const ways =
    request.body === undefined
      ? [spoilPath, spoilQuery, spoilHeaders, addBody]
      : [spoilBody, spoilBody, spoilBytes, spoilPath, spoilQuery, spoilHeaders]
  random.pick(ways)(spoiled, random)
  return spoiled
}

function spoilPath(request: ApiRequest, random: Random): void {
  const parts = request.path.split('/')
  parts[1 + random.int(parts.length - 1)] = encodeURIComponent(random.oneIn(2) ? 'none' : wellFormed(oddText(random)))
  request.path = parts.join('/')
}

function spoilQuery(request: ApiRequest, random: Random): void {
  const name = random.pick(['limit', 'cursor', 'after', 'state', 'environment', 'x'])
  const mark = request.path.includes('?') ? '&' : '?'
  request.path += `${mark}${name}=${random.oneIn(3) ? '%ff%00' : encodeURIComponent(wellFormed(oddText(random)))}`
}

function spoilHeaders(request: ApiRequest, random: Random): void {
  const name = random.pick([
    'content-type',
    'last-event-id',
    'idempotency-key',
    'accept',
    'origin',
    'x-forwarded-for',
    'user-agent',
  ])
  request.headers[name] = random.pick([
    '',
    'x',
    '-1',
    '9'.repeat(400),
    'text/plain',
    'application/json; charset=utf-7',
    'codex_cli_rs/0.0',
  ])
}

function addBody(request: ApiRequest, random: Random): void {
  request.headers['content-type'] = 'application/json'
  request.body = JSON.stringify(oddValue(random))
}

/** Another value at one place, a key more, or a key less. */
function spoilBody(request: ApiRequest, random: Random): void {
  const body: unknown = JSON.parse(request.body ?? 'null')
  if (typeof body !== 'object' || body === null) return void (request.body = JSON.stringify(oddValue(random)))
  let at = body as Record<string, unknown>
  for (let depth = 0; depth < 3; depth++) {
    const inner = Object.values(at).filter((value) => typeof value === 'object' && value !== null)
    if (inner.length === 0 || random.oneIn(2)) break
    at = random.pick(inner) as Record<string, unknown>
  }
  const keys = Object.keys(at)
  const key = keys.length === 0 || random.oneIn(4) ? random.pick(['extra', '__proto__', 'id']) : random.pick(keys)
  if (random.oneIn(3)) Reflect.deleteProperty(at, key)
  else Object.defineProperty(at, key, { value: oddValue(random), enumerable: true, configurable: true, writable: true })
  request.body = JSON.stringify(body)
}

function spoilBytes(request: ApiRequest, random: Random): void {
  request.body = random.mutate(Buffer.from(request.body ?? '')).toString('latin1')
}

/** What a URL can carry. */
const wellFormed = (text: string): string => text.slice(0, 2000).toWellFormed()
