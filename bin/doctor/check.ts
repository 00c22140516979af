/** One line of the doctor: what was looked at, how it is, and what to do where that is needed. */
export type Check = {
  name: string
  status: 'ok' | 'warn' | 'fail'
  /** What was found. */
  detail: string
  /** What to do about it. */
  advice?: string
}

export const ok = (name: string, detail: string): Check => ({ name, status: 'ok', detail })
export const warn = (name: string, detail: string, advice: string): Check => ({ name, status: 'warn', detail, advice })
export const fail = (name: string, detail: string, advice: string): Check => ({ name, status: 'fail', detail, advice })
