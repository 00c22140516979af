import { secretForms, tokensOf } from '../../secret-forms.ts'
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

function uniqueForms(tokens: readonly string[]): Buffer[] {
  const forms = new Set(tokens.filter((token) => token.length >= LEAST_SECRET).flatMap(secretForms))
  return [...forms].filter((form) => form.length >= LEAST_SECRET).map((form) => Buffer.from(form, 'utf8'))
}
