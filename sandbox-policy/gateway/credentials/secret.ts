import type { SecretScanner } from '../http/credential-port.ts'

/** Shorter text cannot be told from what is said anyway. */
const LEAST_SECRET = 8

/** A secret in every form in which an answer may show it (R16). Made once, used for many answers. */
export class Secret {
  readonly #forms: readonly Buffer[]

  /** `headerValue` as it is sent, e.g. `Bearer KEY` or `Basic BASE64`: what counts is the part after the scheme. */
  constructor(headerValue: string) {
    this.#forms = uniqueForms(tokensOf(headerValue))
  }

  /** Says whether a short text, such as a header's value, shows it. */
  isIn(text: string): boolean {
    const bytes = Buffer.from(text, 'latin1')
    return this.#forms.some((form) => bytes.includes(form))
  }

  scanner(): SecretScanner {
    return new Scanner(this.#forms)
  }
}

/** Holds back only what may be the beginning of a form: nothing, at the end of an ordinary event. */
class Scanner implements SecretScanner {
  readonly #forms: readonly Buffer[]
  #held: Buffer = Buffer.alloc(0)
  #found = false

  constructor(forms: readonly Buffer[]) {
    this.#forms = forms
  }

  push(chunk: Buffer): Buffer | 'found' {
    if (this.#found) return 'found'
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk])
    this.#found = this.#forms.some((form) => bytes.includes(form))
    if (this.#found) return 'found'
    const passing = bytes.length - this.#beginning(bytes)
    this.#held = Buffer.from(bytes.subarray(passing))
    return bytes.subarray(0, passing)
  }

  flush(): Buffer | 'found' {
    if (this.#found) return 'found'
    const rest = this.#held
    this.#held = Buffer.alloc(0)
    return rest
  }

  /** The length of the longest end of `bytes` that a form begins with. */
  #beginning(bytes: Buffer): number {
    let longest = 0
    for (const form of this.#forms) {
      for (let length = Math.min(form.length - 1, bytes.length); length > longest; length -= 1) {
        const from = bytes.length - length
        if (bytes[from] === form[0] && bytes.compare(form, 0, length, from) === 0) longest = length
      }
    }
    return longest
  }
}

function tokensOf(headerValue: string): string[] {
  const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9-]*) +(.+)$/.exec(headerValue.trim()) ?? []
  if (scheme === undefined || rest === undefined) return [headerValue.trim()]
  if (scheme.toLowerCase() !== 'basic') return [rest]
  const pair = Buffer.from(rest, 'base64').toString('utf8')
  return [rest, pair, pair.slice(pair.indexOf(':') + 1)]
}

function uniqueForms(tokens: readonly string[]): Buffer[] {
  const forms = new Set(tokens.filter((token) => token.length >= LEAST_SECRET).flatMap(formsOf))
  return [...forms].filter((form) => form.length >= LEAST_SECRET).map((form) => Buffer.from(form, 'utf8'))
}

function formsOf(secret: string): string[] {
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
function base64At(secret: string, offset: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
  const first = Math.ceil((offset * 8) / 6)
  const last = Math.floor((bytes.length * 8) / 6)
  const plain = bytes.toString('base64').slice(first, last)
  return [plain, plain.replaceAll('+', '-').replaceAll('/', '_')]
}

function htmlEscaped(secret: string): string {
  return secret.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
