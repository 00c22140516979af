// What a request may cost, before anyone knows. Tokenizers split text into pieces of at least one byte, common words into
// few, everything else into many. A flat share of the bytes is wrong for what is dense: digits, base64, CJK, punctuation
// come near one token a character. So each byte weighs by its kind, set above what the usual tokenizers make of the worst
// text of that kind: random lower-case letters about 0.45 tokens each, mixed case about 0.7, digits up to 1. Prose and
// code come out at roughly twice their real number; the difference is given back when the request is over.

const WEIGHTS = weights()

/** What the largest picture costs at providers that say; where one costs more, the account learns it. */
const IMAGE_TOKENS = 16_384
/** A PDF of a few bytes may hold hundreds of pages; what bounds it is the model's context. */
const DOCUMENT_TOKENS = 200_000

/** Parts of a body whose tokens cannot be seen from their length. */
export type FoundMedia = { images: number; documents: number; base64Weight: number }

/** An upper bound of a body's input tokens, as sent: text by weight, pictures and documents by piece. */
export function estimateInput(body: Uint8Array, found: FoundMedia): number {
  let weight = 0
  for (let at = 0; at < body.length; at += 1) weight += WEIGHTS[body[at] ?? 0] ?? 2
  const text = weight - found.base64Weight
  return Math.ceil(text / 2) + found.images * IMAGE_TOKENS + found.documents * DOCUMENT_TOKENS
}

/** What ASCII text adds to a body's weight, in half tokens. */
export function weightOf(ascii: string): number {
  let weight = 0
  for (let at = 0; at < ascii.length; at += 1) weight += WEIGHTS[ascii.charCodeAt(at)] ?? 2
  return weight
}

/** By byte, in half tokens. */
function weights(): Uint8Array {
  const table = new Uint8Array(256).fill(2)
  for (let letter = 0x61; letter <= 0x7a; letter += 1) table[letter] = 1
  for (const blank of [0x20, 0x0a, 0x09]) table[blank] = 1
  return table
}
