/** What is secret of a header's value, such as `Bearer KEY` or `Basic BASE64`: what follows the scheme. */
export function tokensOf(headerValue: string): string[] {
  const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9-]*) +(.+)$/.exec(headerValue.trim()) ?? []
  if (scheme === undefined || rest === undefined) return [headerValue.trim()]
  if (scheme.toLowerCase() !== 'basic') return [rest]
  const pair = Buffer.from(rest, 'base64').toString('utf8')
  return [rest, pair, pair.slice(pair.indexOf(':') + 1)]
}

/** A secret in every form in which text may show it. */
export function secretForms(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1)
  const url = encodeURIComponent(secret)
  const hex = Buffer.from(secret).toString('hex')
  return [
    secret,
    json,
    json.replaceAll('/', '\\/'),
    url,
    url.replace(/%../g, (escape) => escape.toLowerCase()),
    url.replaceAll('%20', '+'),
    htmlEscaped(secret),
    hex,
    hex.toUpperCase(),
    ...[0, 1, 2].flatMap((offset) => base64At(secret, offset)),
  ]
}

/** The characters of base64 that are the same whatever stands before and after the secret. */
export function base64At(secret: string, offset: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
  const first = Math.ceil((offset * 8) / 6)
  const last = Math.floor((bytes.length * 8) / 6)
  const plain = bytes.toString('base64').slice(first, last)
  return [plain, plain.replaceAll('+', '-').replaceAll('/', '_')]
}

function htmlEscaped(secret: string): string {
  return secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
