import type { IncomingMessage } from 'node:http'
import type { z } from 'zod'
import { Refused } from './refused.ts'

const MAX_BODY = 8 * 1024 * 1024

/** The JSON body of a request in the form that it must have. Rejects with Refused; what it says holds no values. */
export async function readBody<T>(request: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MAX_BODY) throw new Refused(413, 'too-large', `Cannot read the body: it is over ${MAX_BODY} bytes`)
    parts.push(part)
  }
  const result = schema.safeParse(parse(Buffer.concat(parts).toString('utf8')))
  if (result.success) return result.data
  const faults = result.error.issues.slice(0, 5).map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`)
  throw new Refused(422, 'invalid', `Cannot read the body: ${faults.join('; ')}`)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Refused(400, 'not-json', 'Cannot read the body: it is not JSON')
  }
}
