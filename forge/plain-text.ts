// Text of agents, remotes and people, made safe to show: control characters, direction changes, invisible letters.

/** C0 and C1 controls, zero-width and direction marks, separators that some programs take for line ends, tags. */
export const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu

/** Shows what is unseen as `\u{202e}`; line ends and tabs stay. */
export function visibleText(text: string): string {
  const escape = (char: string) => (char === '\n' || char === '\t' ? char : `\\u{${char.codePointAt(0)?.toString(16)}}`)
  return text.toWellFormed().replace(/\r\n?/g, '\n').replace(UNSEEN, escape)
}

/** Cuts to a number of UTF-16 units, never through a character, and says so. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text
  const note = `… (${text.length - max} more characters)`
  return text.slice(0, Math.max(0, max - note.length)).replace(/[\ud800-\udbff]$/, '') + note
}

/** Another program's words, fit for a sentence: one line, at most 500 characters, escape sequences removed. */
export function plainWords(text: string): string {
  const line = text
    .replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '')
    .replace(UNSEEN, ' ')
    .replace(/ +/g, ' ')
    .trim()
  return line.length > 500 ? `${line.slice(0, 499).toWellFormed()}…` : line
}

/**
 * Plain text in which a forge finds no mention, issue number, closing keyword or link to follow up (R6). Visible: a reader
 * sees what was written, with a space in it.
 */
export function defuse(text: string): string {
  return visibleText(text)
    .replace(/[@#](?=[\p{L}\p{N}_-])/gu, '$& ')
    .replace(/\b(GH)-(?=\d)/gi, '$1 ')
    .replace(/:\/\//g, ': //')
}
