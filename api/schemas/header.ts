import { z } from '@hono/zod-openapi'

const MAX_VALUE = 8 * 1024

// They frame a request, name its target or change what it means: none of them can carry a credential.
const REFUSED = new Set([
  'accept-encoding',
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'date',
  'expect',
  'host',
  'http2-settings',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'via',
])
const REFUSED_PREFIXES = ['proxy-', 'sec-', 'x-http-method', 'x-forwarded-', 'x-drydock-']

/** The name of a header that carries a credential, in lower case. */
export const HeaderName = z
  .string()
  .max(64)
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be the name of a header')
  .transform((name) => name.toLowerCase())
  .refine(
    (name) => !REFUSED.has(name) && !REFUSED_PREFIXES.some((prefix) => name.startsWith(prefix)),
    'must not be a header that the gateway itself sets',
  )

/** What such a header holds: visible ASCII with single spaces, so that no line can follow. Faults do not repeat it. */
export const HeaderValue = z
  .string()
  .min(1)
  .max(MAX_VALUE)
  .regex(/^[\x21-\x7e]+( [\x21-\x7e]+)*$/, 'must be visible ASCII characters on one line')
