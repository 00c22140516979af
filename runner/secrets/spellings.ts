import { base64At } from '../../sandbox-policy/secret-forms.ts'

/** A value that set-up may know and nothing may keep. */
export type SetupSecret = { name: string; value: string }

/** Shorter values would be found everywhere by chance: they cannot be searched for. */
export const MIN_SECRET_BYTES = 4
/** Characters of base64 that nothing has by chance; longer ones cross the end of a line. */
const MIN_PIECE = 12
const MAX_PIECE = 24

/**
 * The ways in which tools write a value down (R22): as it is, in base64 wherever in a text it begins (of a long one,
 * pieces), URL-encoded as several libraries do it, and escaped as JSON. Each once, none too short to be searched for.
 */
export function spellingsOf(value: string): Buffer[] {
  if (Buffer.byteLength(value) < MIN_SECRET_BYTES) return []
  const texts = [value, ...inBase64(value), ...inUrls(value), ...inJson(value)]
  return [...new Set(texts)]
    .filter((text) => Buffer.byteLength(text) >= MIN_SECRET_BYTES)
    .map((text) => Buffer.from(text))
}

/** What base64 makes of a value at each of the three places where it may stand; neighbours change the outermost characters. */
function inBase64(value: string): string[] {
  return [0, 1, 2].flatMap((before) => base64At(value, before)).flatMap(unwrapped)
}

/**
 * Tools break base64 into lines of 64 or 76 characters, wherever a value stands. Of two pieces side by side at most one is
 * broken; from the middle, since what begins or ends a key or a token is the same for all of them.
 */
function unwrapped(text: string): string[] {
  if (text.length < 2 * MIN_PIECE) return [text]
  const middle = Math.floor(text.length / 2)
  const length = Math.min(MAX_PIECE, middle)
  return [text.slice(middle - length, middle), text.slice(middle, middle + length)]
}

function inUrls(value: string): string[] {
  const wellFormed = value.toWellFormed()
  const plain = encodeURIComponent(wellFormed)
  // RFC 3986 reserves more than the language does; form encoding writes a space as a plus.
  const strict = plain.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  const withSlashes = strict.replaceAll('%2F', '/')
  const all = [plain, strict, withSlashes, ...[plain, strict].map((text) => text.replaceAll('%20', '+'))]
  return all.flatMap((text) => [text, text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())])
}

function inJson(value: string): string[] {
  const plain = JSON.stringify(value).slice(1, -1)
  const ascii = plain.replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const forHtml = plain.replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)
  return [plain, ascii, forHtml, plain.replaceAll('/', '\\/')]
}
