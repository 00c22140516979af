const ENCODER = new TextEncoder()

/** The text without NUL (PostgreSQL's jsonb refuses it) and without half characters, cut to a number of UTF-8 bytes. */
export function cutTo(text: string, maxBytes: number): string {
  const clean = text.toWellFormed().replaceAll('\0', '\uFFFD')
  if (clean.length * 3 <= maxBytes) return clean
  const { read } = ENCODER.encodeInto(clean, new Uint8Array(maxBytes))
  return read === clean.length ? clean : `${clean.slice(0, read)} …`
}
