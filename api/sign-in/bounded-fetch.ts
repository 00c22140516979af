import type { CustomFetch } from 'openid-client'

const MAX_BYTES = 1024 * 1024
const LOOPBACK = ['127.0.0.1', '[::1]', 'localhost']
const WITHOUT_BODY = [204, 205, 304]

export const isLoopback = (url: URL) => LOOPBACK.includes(url.hostname)

/** Fetches from an issuer: what is not encrypted from this machine only, and never more than a mebibyte. */
export const boundedFetch: CustomFetch = async (address, options) => {
  const url = new URL(address)
  if (url.protocol !== 'https:' && !isLoopback(url)) throw new TypeError(`${url.origin} is not https`)
  const response = await fetch(url, { ...options, redirect: 'manual' } as RequestInit)
  const bytes = await readBounded(response)
  const { status, statusText, headers } = response
  return new Response(WITHOUT_BODY.includes(status) ? null : bytes, { status, statusText, headers })
}

async function readBounded({ body }: Response): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > MAX_BYTES) throw new TypeError(`the answer is over ${MAX_BYTES} bytes`)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}
