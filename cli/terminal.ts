// C0 without newline and tab, DEL and C1; marks that turn the direction of text; the two line ends that only some
// programs know. What a task wrote must not move the cursor, set a title, fill the clipboard or hide a line.
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g

/** Makes text of a task harmless for a terminal: what could act on it becomes a visible escape. */
export function neutralise(text: string): string {
  return text.replace(UNSAFE, visible)
}

/** The same for text that must stay on one line. */
export function neutraliseLine(text: string): string {
  return neutralise(text).replaceAll('\n', '\\n').replaceAll('\t', ' ')
}

/** JSON in which nothing acts on a terminal, and whose value is the same. */
export function escapeUnsafe(json: string): string {
  return json.replace(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function visible(character: string): string {
  const code = character.charCodeAt(0)
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const
export type Look = keyof typeof CODES

/** Gives text a look, or leaves it alone where there are no colours. */
export type Style = (look: Look, text: string) => string

export function createStyle(enabled: boolean): Style {
  if (!enabled) return (_, text) => text
  return (look, text) => `\u001b[${CODES[look][0]}m${text}\u001b[${CODES[look][1]}m`
}

/** Cuts text to a number of characters, with an ellipsis where something is missing. */
export function clip(text: string, length: number): string {
  const characters = [...text]
  return characters.length <= length ? text : `${characters.slice(0, Math.max(0, length - 1)).join('')}…`
}

/** Columns under headings, as wide as they need to be; the last one is clipped to the screen. */
export function table(rows: readonly (readonly string[])[], columns = Infinity): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  const used = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0)
  return rows
    .map((row) => {
      const cells = row.slice(0, -1).map((cell, i) => cell.padEnd(widths[i] ?? 0))
      return [...cells, clip(row.at(-1) ?? '', Math.max(10, columns - used))].join('  ').trimEnd()
    })
    .join('\n')
}
