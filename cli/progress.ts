import type { Output } from './context.ts'

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const FRAME_MS = 100

export type Progress = Disposable & { show: (text: string) => void; clear: () => void }

/** One moving line while a command waits, on a terminal only. */
export function createProgress(output: Output): Progress {
  if (!output.isTerminal) return { show: () => undefined, clear: () => undefined, [Symbol.dispose]: () => undefined }
  let text = ''
  let frame = 0
  let timer: NodeJS.Timeout | undefined
  const draw = () => output.write(`\r\u001b[K${FRAMES[frame++ % FRAMES.length]} ${text}`)
  const clear = () => {
    if (timer === undefined) return
    clearInterval(timer)
    timer = undefined
    output.write('\r\u001b[K')
  }
  const show = (next: string) => {
    text = next
    timer ??= setInterval(draw, FRAME_MS).unref()
    draw()
  }
  return { show, clear, [Symbol.dispose]: clear }
}
