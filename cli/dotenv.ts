import { usageError } from './errors.ts'

export type DotenvEntry = { name: string; value: string; line: number }

const ASSIGNMENT = /^(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*/
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' }

/**
 * Reads the text of a `.env` file: `NAME=value`, `export NAME=value`, comments, and values in single or double quotes,
 * which may go over several lines. Nothing is substituted. Rejects naming the lines, never what is in them.
 */
export function parseDotenv(text: string): DotenvEntry[] {
  const entries: DotenvEntry[] = []
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  for (let at = 0; at < lines.length;) {
    const line = lines[at]?.trimStart() ?? ''
    if (line === '' || line.startsWith('#')) at += 1
    else {
      const [entry, next] = readEntry(lines, { at, line })
      const earlier = entries.find(({ name }) => name === entry.name)
      if (earlier) throw unreadable(at, `"${entry.name}" was set in line ${earlier.line}`)
      entries.push(entry)
      at = next
    }
  }
  return entries
}

type Place = { at: number; line: string }

/** One entry, and the number of the line after it. */
function readEntry(lines: readonly string[], { at, line }: Place): [DotenvEntry, number] {
  const [head, name] = ASSIGNMENT.exec(line) ?? []
  if (head === undefined || name === undefined) throw unreadable(at, 'it is not NAME=value')
  const rest = line.slice(head.length)
  const quote = rest[0]
  if (quote !== '"' && quote !== "'") return [{ name, value: plain(rest, at), line: at + 1 }, at + 1]
  const whole = [rest.slice(1), ...lines.slice(at + 1)].join('\n')
  const end = closing(whole, quote)
  if (end === -1) throw unreadable(at, `the quote ${quote} is never closed`)
  const quoted = whole.slice(0, end)
  const after = whole.slice(end + 1).split('\n', 1)[0] ?? ''
  const last = at + quoted.split('\n').length - 1
  if (!/^[ \t]*(?:#.*)?$/.test(after)) throw unreadable(last, `something follows the closing quote ${quote}`)
  return [{ name, value: quote === '"' ? unescaped(quoted, at) : quoted, line: at + 1 }, last + 1]
}

/** Without quotes a comment begins at a `#` after a space. */
function plain(rest: string, at: number): string {
  const value = rest.replace(/(^|[ \t])#.*$/, '').trimEnd()
  if (/["'`\\]/.test(value)) throw unreadable(at, 'a value with quotes or backslashes must be in quotes itself')
  return value
}

function closing(text: string, quote: string): number {
  for (let i = 0; i < text.length; i += 1) {
    if (text[i] === quote) return i
    if (text[i] === '\\' && quote === '"') i += 1
  }
  return -1
}

const unescaped = (text: string, at: number) =>
  text.replace(/\\([\s\S])/g, (_, character: string) => {
    const value = ESCAPES[character]
    if (value === undefined) throw unreadable(at, 'in double quotes a backslash begins \\n, \\r, \\t, \\", \\$ or \\\\')
    return value
  })

const unreadable = (at: number, why: string) => usageError(`Cannot read line ${at + 1}: ${why}`)
