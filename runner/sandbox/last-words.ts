import { plainWords } from '../../forge/plain-text.ts'

const MAX_LINES = 10
const MAX_CHARACTERS = 480

/**
 * The last lines of a log as one line that is safe to show. They are whole: of a secret that was cut away at its beginning,
 * nobody would know the rest. A line that is too long says that its end is missing.
 */
export function lastWords(log: string): string {
  const lines = log.split('\n').filter((line) => line.trim() !== '')
  const kept: string[] = []
  let left = MAX_CHARACTERS
  for (const line of lines.slice(-MAX_LINES).reverse()) {
    left -= line.length + 1
    if (left < 0) break
    kept.unshift(line)
  }
  const [last] = lines.slice(-1)
  if (kept.length === 0 && last !== undefined) return `${plainWords(last.slice(0, MAX_CHARACTERS))} …`
  return plainWords(kept.join('\n'))
}
