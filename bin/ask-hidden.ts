import type { Readable } from 'node:stream'

const [INTERRUPT, END, BACKSPACE, DELETE] = ['\u0003', '\u0004', '\b', '\u007f']

export type Terminal = Readable & { setRawMode: (isRaw: boolean) => unknown }

/**
 * Asks for one line at a terminal that shows none of it. Rejects with AbortError when the person types Ctrl-C, which is no
 * signal as long as the terminal hands over every key.
 */
export async function askHidden(
  question: string,
  { terminal, say }: { terminal: Terminal; say: (text: string) => void },
): Promise<string> {
  say(question)
  terminal.setRawMode(true)
  terminal.setEncoding('utf8')
  let typed: string[] = []
  try {
    for await (const keys of terminal.iterator({ destroyOnReturn: false })) {
      for (const key of keys as string) {
        if (key === '\r' || key === '\n' || key === END) return typed.join('')
        if (key === INTERRUPT) throw new DOMException('Interrupted', 'AbortError')
        if (key === BACKSPACE || key === DELETE) typed = typed.slice(0, -1)
        else typed.push(key)
      }
    }
    return typed.join('')
  } finally {
    terminal.setRawMode(false)
    terminal.pause()
    say('\n')
  }
}
