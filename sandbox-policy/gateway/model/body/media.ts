import { LEFT_OUT, feature, refuse, type Check, type CheckContext } from './check.ts'
import { weightOf } from './estimate.ts'

const HEAD = /^data:([a-z]+\/[a-z0-9.+-]+)(?:;[a-z0-9=.+_-]+)*;base64$/i
const MAX_HEAD = 128
const NOT_BASE64 = /[^A-Za-z0-9+/=_-]/

/** Pictures that are only pictures: SVG and the like may name other addresses. */
export const IMAGE_TYPES = [
  'image/png',
  'image/jpeg',
  'image/jpg',
  'image/gif',
  'image/webp',
  'image/bmp',
  'image/avif',
]
export const DOCUMENT_TYPES = [
  'application/pdf',
  'text/plain',
  'text/markdown',
  'text/csv',
  'application/json',
  'application/octet-stream',
]

/** A `data:` URL of these types. Any other address is for the provider to fetch: only with `url-input`, and https. */
export function dataUrl(types: readonly string[], kind: 'images' | 'documents'): Check {
  const remote = feature('url-input', (value, at, { found }) => {
    if (typeof value !== 'string' || !/^https:\/\//i.test(value)) throw refuse(at, 'it is no https address')
    found[kind] += 1
    return value
  })
  return (value, at, context) => {
    if (typeof value !== 'string') throw refuse(at, 'it is no text')
    if (!/^data:/i.test(value.slice(0, 5))) return remote(value, at, context)
    const comma = value.slice(0, MAX_HEAD).indexOf(',')
    const type = HEAD.exec(value.slice(0, Math.max(comma, 0)))?.[1]?.toLowerCase()
    if (type === undefined || !types.includes(type))
      throw refuse(at, `only data of the types ${types.join(', ')} is allowed`)
    countBase64(value.slice(comma + 1), at, { context, kind })
    return value
  }
}

/** Base64 without a head. */
export function base64(kind: 'images' | 'documents'): Check {
  return (value, at, context) => {
    if (typeof value !== 'string') throw refuse(at, 'it is no text')
    countBase64(value, at, { context, kind })
    return value
  }
}

export const cacheControl: Check = (value) => (typeof value === 'object' ? cacheOf(value) : LEFT_OUT)

function cacheOf(value: object | null): unknown {
  const { type, ttl } = (value ?? {}) as { type?: unknown; ttl?: unknown }
  if (type !== 'ephemeral') return LEFT_OUT
  return ttl === '5m' || ttl === '1h' ? { type, ttl } : { type }
}

function countBase64(
  value: string,
  at: string,
  { context, kind }: { context: CheckContext; kind: 'images' | 'documents' },
): void {
  if (NOT_BASE64.test(value)) throw refuse(at, 'it is no base64')
  context.found[kind] += 1
  context.found.base64Weight += weightOf(value)
}
