/** A failure in words for a person: what could not be done and why, the last output, and what to try. */
export class Failure extends Error {
  constructor(message, { output = [], advice, exitCode = 1 } = {}) {
    super(message)
    this.output = output
    this.advice = advice
    this.exitCode = exitCode
  }
}

/** Progress goes to stderr: callers own stdout. */
export function say(text) {
  process.stderr.write(`images: ${text}\n`)
}
